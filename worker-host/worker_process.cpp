#include "worker-host/worker_process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/ensure.h"
#include "worker-host/spawn.h"

namespace cloister::worker_host {
namespace {

constexpr std::size_t piece_bytes = 256U << 10;   // of content, in memory at a time
constexpr std::size_t pump_bytes_max = 4U << 20;  // each way in one pump(): others want to run

Error ended_error(std::string_view code, Kind kind, std::string what, std::string next) {
  return Error{kind, std::string(code), std::move(what), std::move(next)};
}

Error signal_error(int signal, const Limits& limits) {
  if (signal == SIGXCPU) {
    return ended_error(
        "worker.cpu_time", Kind::exhausted,
        fmt::format("The worker used up its {} s of processor time.", limits.cpu_seconds),
        "Raise limits.cpu_time in the policy, or lower the budget of the study.");
  }
  if (signal == SIGKILL) {
    return ended_error("worker.memory", Kind::exhausted,
                       "The worker was killed from outside, most likely because the machine ran "
                       "out of memory.",
                       "Free memory, or lower the batch size of the study; it goes on from its "
                       "last checkpoint.");
  }
  return ended_error("worker.signal", Kind::corrupt,
                     fmt::format("The worker crashed ({}).", strsignal(signal)),
                     "Look at the worker's log; it goes on from its last checkpoint.");
}

}  // namespace

Exit exit_of(int wait_status, bool stopped, const Limits& limits) {
  Exit exit;
  exit.stopped = stopped;
  if (WIFSIGNALED(wait_status)) {
    exit.status = -WTERMSIG(wait_status);
    exit.error = signal_error(WTERMSIG(wait_status), limits);
  } else {
    exit.status = WEXITSTATUS(wait_status);
    exit.clean = exit.status == 0;
    if (!exit.clean) {
      exit.error = ended_error("worker.exit", Kind::corrupt,
                               fmt::format("The worker gave up with status {}.", exit.status),
                               "Look at the worker's log.");
    }
  }
  if (stopped && !exit.clean) {
    exit.error = ended_error("worker.stopped", Kind::unavailable, "The worker was stopped.",
                             "It goes on from its last checkpoint.");
  }
  return exit;
}

Result<std::unique_ptr<WorkerProcess>> WorkerProcess::start(const Launch& launch,
                                                            WorkerListener& listener) {
  // A worker that dies early must show as an error of write(), not as the end of this process.
  std::signal(SIGPIPE, SIG_IGN);
  auto child = spawn(launch);
  if (!child) return pass(child);
  std::unique_ptr<WorkerProcess> worker(new WorkerProcess(listener, launch.limits));
  worker->pid_ = child->pid;
  worker->pid_fd_ = std::move(child->ended);
  worker->input_ = std::move(child->input);
  worker->output_ = std::move(child->output);
  return worker;
}

WorkerProcess::~WorkerProcess() {
  if (exit_) return;
  kill();
  reap(true);
}

void WorkerProcess::send(protocol::FrameType type, BytesView payload) {
  Outgoing next;
  next.bytes = protocol::encode_frame(type, payload);
  outgoing_.push_back(std::move(next));
}

void WorkerProcess::send_content(std::string_view name, std::uint64_t bytes,
                                 crypto::ByteSource source) {
  const Bytes named = protocol::named_payload_head(name);
  Outgoing next;
  next.bytes = protocol::frame_head(protocol::FrameType::input, named.size() + bytes);
  append(next.bytes, named);
  next.left = bytes;
  next.source = std::move(source);
  outgoing_.push_back(std::move(next));
}

std::vector<Interest> WorkerProcess::interests() const {
  std::vector<Interest> all;
  if (input_.is_open() && !outgoing_.empty()) all.push_back({input_.number(), false, true});
  if (output_.is_open()) all.push_back({output_.number(), true, false});
  if (!wait_status_ && pid_fd_.is_open()) all.push_back({pid_fd_.number(), true, false});
  return all;
}

Result<void> WorkerProcess::pump(Duration monotonic) {
  if (exit_) return {};
  auto written = write_some();
  auto heard = read_some();
  if (!written || !heard) {
    broken_ = written ? heard.error() : written.error();
    ::kill(-pid_, SIGKILL);
    output_ = Descriptor();
  }
  if (kill_at_ && monotonic >= *kill_at_) kill();
  reap(false);
  settle();
  if (!heard) return heard;
  return written;
}

Result<void> WorkerProcess::refill(Outgoing& next) {
  next.bytes.resize(static_cast<std::size_t>(std::min<std::uint64_t>(piece_bytes, next.left)));
  next.sent = 0;
  auto count = next.source(next.bytes);
  if (!count) return pass(count);
  if (*count != next.bytes.size()) {
    return fail(Kind::corrupt, "worker.input_short",
                "An input of the worker ended before its announced size.",
                "It was changed while it was read; try again.");
  }
  next.left -= *count;
  return {};
}

Result<void> WorkerProcess::write_some() {
  std::size_t budget = pump_bytes_max;
  while (input_.is_open() && !outgoing_.empty() && budget > 0) {
    Outgoing& next = outgoing_.front();
    if (next.sent == next.bytes.size()) {
      if (next.left == 0) {
        outgoing_.pop_front();
        continue;
      }
      if (auto ok = refill(next); !ok) return ok;
    }
    const BytesView rest = BytesView(next.bytes).subspan(next.sent);
    const ssize_t count = ::write(input_.number(), rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return {};
    if (count < 0) {  // the worker is gone or closed its input: how it ended says more
      outgoing_.clear();
      input_ = Descriptor();
      return {};
    }
    next.sent += static_cast<std::size_t>(count);
    budget -= std::min(budget, static_cast<std::size_t>(count));
  }
  if (input_ends_ && outgoing_.empty()) input_ = Descriptor();
  return {};
}

Result<void> WorkerProcess::read_some() {
  std::array<std::uint8_t, 64U << 10> buffer;
  std::size_t budget = pump_bytes_max;
  while (output_.is_open() && budget > 0) {
    const ssize_t count = ::read(output_.number(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return {};
    if (count <= 0) {
      output_ = Descriptor();
      return {};
    }
    budget -= std::min(budget, static_cast<std::size_t>(count));
    auto ok = stream_.feed(BytesView(buffer).first(static_cast<std::size_t>(count)));
    if (!ok) return ok;
  }
  return {};
}

void WorkerProcess::reap(bool wait) {
  if (wait_status_) return;
  int status = 0;
  pid_t ended = 0;
  do {
    ended = waitpid(pid_, &status, wait ? 0 : WNOHANG);
  } while (ended < 0 && errno == EINTR);
  if (ended != pid_) return;
  wait_status_ = status;
  ::kill(-pid_, SIGKILL);  // whatever the worker started dies with it
}

// Reaped and read to the end: that is how it ended.
void WorkerProcess::settle() {
  if (!wait_status_ || output_.is_open()) return;
  exit_ = exit_of(*wait_status_, stopping_, limits_);
  if (broken_) {
    exit_->clean = false;
    exit_->error = *broken_;
  } else if (exit_->clean && !stream_.at_rest()) {
    exit_->clean = false;
    exit_->error =
        ended_error("worker.garbage", Kind::corrupt, "The worker ended in the middle of a frame.",
                    "Look at the worker's log.");
  }
  input_ = Descriptor();
  outgoing_.clear();
  kill_at_.reset();
}

void WorkerProcess::finish_input() {
  input_ends_ = true;
  if (outgoing_.empty()) input_ = Descriptor();
}

void WorkerProcess::stop(Duration monotonic, Duration patience) {
  if (wait_status_ || stopping_) return;
  stopping_ = true;
  kill_at_ = monotonic + patience;
  ::kill(-pid_, SIGTERM);
}

void WorkerProcess::kill() {
  if (wait_status_) return;
  stopping_ = true;
  ::kill(-pid_, SIGKILL);
}

}  // namespace cloister::worker_host
