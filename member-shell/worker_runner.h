// Performs RunWorker and StopWorker: starts workers, feeds them from places, keeps what they make,
// and tells the core.
//
// A job that is not warm has a process of its own. Warm jobs share one process that stays, one
// after another; networks that it still holds are not sent again.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "member-shell/places.h"
#include "member-shell/worker_log.h"
#include "member/actions.h"
#include "protocol/limits.h"
#include "transport/event_loop.h"
#include "worker-host/worker_process.h"

namespace cloister::member_shell {

struct RunnerOptions {
  std::filesystem::path worker;   // the program
  std::filesystem::path logs;     // folder of what workers print: worker_log.h
  std::filesystem::path scratch;  // folder where a worker may make a nameless file
  worker_host::Limits limits;
  std::uint32_t threads = 0;
  // How often a worker that tells no steps is looked at: twice in a lease, so that none runs out
  // between two looks.
  Duration look_every = protocol::limits::lease / 2;
};

class WorkerRun;

class WorkerRunner {
 public:
  using Tell = std::function<void(member::Event)>;  // never called from within run() or stop()

  // References must outlive the runner.
  WorkerRunner(transport::EventLoop& loop, Places& places, RunnerOptions options, Tell tell);
  ~WorkerRunner();
  WorkerRunner(const WorkerRunner&) = delete;
  WorkerRunner& operator=(const WorkerRunner&) = delete;

  void run(member::RunWorker order);
  void stop(const JobId& job, bool forget);
  // SIGTERM to all; they write a last checkpoint where they can.
  void stop_all();
  [[nodiscard]] bool is_idle() const;

 private:
  friend class WorkerRun;
  void start(member::RunWorker order);
  void start_warm();
  void fail(const member::RunWorker& order, const Error& error);
  void tell_later(member::Event event);
  void tell_finished(member::WorkerFinished event);
  void sweep();  // forgets what has ended, starts what waited for it

  transport::EventLoop& loop_;
  Places& places_;
  RunnerOptions options_;
  WorkerLogs logs_;
  Tell tell_;
  std::map<JobId, std::unique_ptr<WorkerRun>> runs_;
  std::vector<std::unique_ptr<WorkerRun>> ending_;  // stopped or done, not yet reaped
  std::map<JobId, member::RunWorker> waiting_;      // for its own last process to end
  std::unique_ptr<WorkerRun> warm_;
  std::deque<member::RunWorker> warm_queue_;
  bool sweeping_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace cloister::member_shell
