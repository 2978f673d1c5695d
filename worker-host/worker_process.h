// One cloister-worker as a child process: started, fed, listened to and ended without ever
// blocking and without a thread.
//
// The child gets: its own process group, SIGKILL when this process dies, stdin and stdout as pipes,
// stderr to a log file, no other descriptor, an environment of a few named variables, and resource
// limits. It gets no key, no path of this program's home and no socket.
//
//   auto worker = WorkerProcess::start(launch, listener);
//   worker->send(FrameType::job, json); worker->send_content("weights", size, source); ...
//   loop: poll(worker->interests()), then worker->pump(); until worker->ended()
//
// Threads: none; everything on the thread of the event loop.
#pragma once

#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/descriptor.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/sealed_file.h"
#include "worker-host/frame_stream.h"

namespace cloister::worker_host {

// From site policy. Zero: no limit.
struct Limits {
  std::uint64_t memory_bytes = 0;  // address space
  std::uint64_t cpu_seconds = 0;   // of one attempt
  std::uint64_t file_bytes = 0;    // of any file the worker writes
  std::uint64_t open_files = 256;
  int niceness = 10;  // a hospital's machine has other work
};

struct Launch {
  std::filesystem::path program;
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // "OMP_NUM_THREADS=2"; nothing else is inherited but PATH
  std::filesystem::path folder;          // working folder; empty: "/"
  std::filesystem::path log;             // stderr is appended here; empty: thrown away
  Limits limits;
};

// How a worker ended, for people.
struct Exit {
  bool clean = false;    // exit status 0
  bool stopped = false;  // because stop() or kill() was called
  int status = 0;        // exit status, or -signal
  Error error;           // "worker.exit", "worker.signal", "worker.memory", "worker.cpu_time"
};

struct Interest {
  int fd = -1;
  bool readable = false;
  bool writable = false;
};

class WorkerProcess {
 public:
  // `listener` must outlive the worker. "worker.start": the program cannot be run.
  [[nodiscard]] static Result<std::unique_ptr<WorkerProcess>> start(const Launch& launch,
                                                                    WorkerListener& listener);
  WorkerProcess(const WorkerProcess&) = delete;
  WorkerProcess& operator=(const WorkerProcess&) = delete;
  ~WorkerProcess();  // kills and reaps the whole group

  // Queued, sent as the pipe takes it. Content is read from its source only then: exactly `bytes`
  // bytes, or the worker is ended.
  void send(protocol::FrameType type, BytesView payload);
  void send_content(std::string_view name, std::uint64_t bytes, crypto::ByteSource source);

  // What to wait for: changes after every pump().
  [[nodiscard]] std::vector<Interest> interests() const;
  // Does what can be done now, at most a few MiB each way. Call it when an interest is ready or
  // next_deadline() has come. An error: the worker is no use any more and is being killed.
  [[nodiscard]] Result<void> pump(Duration monotonic);
  // When pump() wants to be called without any readiness: the end of stop()'s patience.
  [[nodiscard]] std::optional<Duration> next_deadline() const { return kill_at_; }

  // No further input: its stdin is closed once everything queued is written.
  void finish_input();
  // SIGTERM, and SIGKILL when `patience` is over.
  void stop(Duration monotonic, Duration patience = Duration(5'000));
  void kill();
  // Set once the process is reaped and its output is read to the end.
  [[nodiscard]] const std::optional<Exit>& ended() const { return exit_; }
  [[nodiscard]] int pid() const { return pid_; }
  [[nodiscard]] bool input_done() const { return outgoing_.empty(); }

 private:
  struct Outgoing {
    Bytes bytes;  // present piece
    std::size_t sent = 0;
    std::uint64_t left = 0;  // still to be read from `source`
    crypto::ByteSource source;
  };
  WorkerProcess(WorkerListener& listener, const Limits& limits)
      : stream_(listener), limits_(limits) {}
  [[nodiscard]] Result<void> write_some();
  [[nodiscard]] Result<void> refill(Outgoing& next);
  [[nodiscard]] Result<void> read_some();
  void reap(bool wait);
  void settle();

  FrameStream stream_;
  Limits limits_;
  int pid_ = -1;
  Descriptor pid_fd_;  // readable once the process has ended
  Descriptor input_;   // the worker's stdin
  Descriptor output_;  // the worker's stdout; closed at its end
  std::deque<Outgoing> outgoing_;
  bool input_ends_ = false;
  bool stopping_ = false;
  std::optional<Duration> kill_at_;
  std::optional<Exit> exit_;
  std::optional<int> wait_status_;
  std::optional<Error> broken_;  // why it was killed by pump()
};

// The sentence for a wait status (see waitpid(2)).
[[nodiscard]] Exit exit_of(int wait_status, bool stopped, const Limits& limits);

}  // namespace cloister::worker_host
