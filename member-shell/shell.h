// The thin shell around a member's core: loop, line to the coordinator, store, workers, transfers.
// It performs actions in order and feeds events; it decides nothing.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "member-shell/home.h"
#include "member-shell/places.h"
#include "member-shell/transfers.h"
#include "member-shell/worker_runner.h"
#include "member/actions.h"
#include "metrics/metrics.h"
#include "storage/rocks_store.h"
#include "transport/connection.h"
#include "transport/event_loop.h"

namespace cloister::member_shell {

// A core, whichever it is.
struct CoreFace {
  std::function<member::Actions(const member::Event&, Instant)> on;
  std::function<std::optional<Instant>()> next_deadline;
};

struct ShellOptions {
  std::filesystem::path data_root;   // of a site; empty: none
  worker_host::Limits limits;        // of workers
  std::uint64_t disk_bytes_max = 0;  // of the home; no worker starts beyond it. 0: no limit
  std::uint64_t upload_bytes_per_second = 0;  // 0: no limit
};

class Shell {
 public:
  // Opens store and places below the home, and dials. "store.locked": another process with the same
  // home runs already.
  [[nodiscard]] static Result<std::unique_ptr<Shell>> open(const HomeConfig& config, Home home,
                                                           ShellOptions options);
  ~Shell();
  Shell(const Shell&) = delete;
  Shell& operator=(const Shell&) = delete;

  // Everything that was persisted, to build the core from.
  [[nodiscard]] Result<member::Stored> stored() const;
  // `core` must outlive run(). Answers to people go to `tell`.
  void set_core(CoreFace core, std::function<void(const member::Tell&)> tell = {});
  // Until SIGTERM or SIGINT; workers get the time to write a checkpoint.
  [[nodiscard]] Result<void> run();
  // Ends run() as a signal would, but asks the caller to open everything again: keys or policy on
  // the disk have changed. The process goes on.
  void reopen();
  [[nodiscard]] bool wants_reopening() const { return reopening_; }
  // An event from outside, for example a person's question.
  void handle(const member::Event& event);

  [[nodiscard]] transport::EventLoop& loop() { return loop_; }
  [[nodiscard]] Places& places() { return *places_; }
  [[nodiscard]] const Home& home() const { return home_; }
  [[nodiscard]] transport::ConnectionState line() const { return connection_->state(); }
  [[nodiscard]] const Error& line_problem() const { return connection_->last_problem(); }

 private:
  Shell(HomeConfig config, Home home, ShellOptions options);
  [[nodiscard]] Result<void> start();
  void perform(member::Actions actions);
  void show_line(transport::ConnectionState state);
  void tell_core(member::Event event);
  void count(const metrics::Figure& figure, double by = 1);
  void flush();
  void set_timer();
  [[nodiscard]] Result<void> has_room() const;
  void save_evidence(const member::SaveEvidence& evidence);
  void stop();
  struct Performer;

  HomeConfig config_;
  Home home_;
  ShellOptions options_;
  SystemClock clock_;
  crypto::SystemEntropy entropy_;
  transport::EventLoop loop_;
  std::unique_ptr<metrics::Metrics> metrics_;  // null: none
  std::unique_ptr<storage::RocksStore> store_;
  std::unique_ptr<Places> places_;
  std::unique_ptr<transport::Connection> connection_;
  std::unique_ptr<WorkerRunner> workers_;
  std::unique_ptr<Transfers> transfers_;
  std::unique_ptr<transport::SignalWatch> signals_;
  CoreFace core_;
  std::function<void(const member::Tell&)> tell_;
  storage::WriteBatch batch_;
  std::optional<Error> broken_;  // the store cannot be written: the process ends
  std::optional<transport::TimerId> timer_;
  bool stopping_ = false;
  bool reopening_ = false;
};

}  // namespace cloister::member_shell
