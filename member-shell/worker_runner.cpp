#include "member-shell/worker_runner.h"

#include <algorithm>

#include "member-shell/worker_run.h"

namespace cloister::member_shell {

WorkerRunner::WorkerRunner(transport::EventLoop& loop, Places& places, RunnerOptions options,
                           Tell tell)
    : loop_(loop),
      places_(places),
      options_(std::move(options)),
      logs_(options_.logs),
      tell_(std::move(tell)) {}

WorkerRunner::~WorkerRunner() { *alive_ = false; }

void WorkerRunner::tell_later(member::Event event) {
  loop_.after(Duration(0), [this, alive = alive_, event = std::move(event)] {
    if (*alive) tell_(event);
  });
}

// The checkpoint goes only after the core has made the outcome durable.
void WorkerRunner::tell_finished(member::WorkerFinished event) {
  loop_.after(Duration(0), [this, alive = alive_, event = std::move(event)] {
    if (!*alive) return;
    tell_(event);
    places_.forget_checkpoint(event.job);
  });
}

void WorkerRunner::fail(const member::RunWorker& order, const Error& error) {
  tell_later(member::WorkerFailed{order.job, order.attempt, error});
}

void WorkerRunner::run(member::RunWorker order) {
  if (order.warm) {
    warm_queue_.push_back(std::move(order));
    start_warm();
    return;
  }
  const JobId job = order.job;
  const bool lingers =
      runs_.contains(job) || std::any_of(ending_.begin(), ending_.end(), [&](const auto& run) {
        return run->job() == job && !run->has_ended();
      });
  if (lingers) {  // its last process may still be writing its checkpoint
    waiting_[job] = std::move(order);
    return;
  }
  start(std::move(order));
}

void WorkerRunner::start(member::RunWorker order) {
  auto run = std::make_unique<WorkerRun>(*this);
  const member::RunWorker copy{order.job, order.attempt, {}, {}, {}, {}, true, false, {}};
  // Before the process: what it prints first belongs behind the line that begins its attempt.
  logs_.begin(logs_.file(copy.job), copy.job, copy.attempt, loop_.now());
  auto launched = run->launch(logs_.file(copy.job));
  auto given = launched ? run->give(std::move(order)) : launched;
  if (given) {
    runs_[copy.job] = std::move(run);
    return;
  }
  run->retire(false);
  run->terminate();
  ending_.push_back(std::move(run));
  fail(copy, given.error());
}

void WorkerRunner::start_warm() {
  if (warm_queue_.empty() || (warm_ && !warm_->has_ended() && warm_->is_busy())) return;
  member::RunWorker order = std::move(warm_queue_.front());
  warm_queue_.pop_front();
  const member::RunWorker copy{order.job, order.attempt, {}, {}, {}, {}, false, true, {}};
  logs_.begin(logs_.warm_file(), copy.job, copy.attempt, loop_.now());
  if (!warm_ || warm_->has_ended()) {
    warm_ = std::make_unique<WorkerRun>(*this);
    if (auto ok = warm_->launch(logs_.warm_file()); !ok) {
      warm_.reset();
      fail(copy, ok.error());
      return;
    }
  }
  if (auto ok = warm_->give(std::move(order)); !ok) {
    warm_->retire(false);
    warm_->terminate();
    ending_.push_back(std::move(warm_));
    fail(copy, ok.error());
  }
}

void WorkerRunner::stop(const JobId& job, bool forget) {
  waiting_.erase(job);
  const auto found = runs_.find(job);
  if (found != runs_.end()) {
    found->second->retire(!forget);
    found->second->terminate();
    ending_.push_back(std::move(found->second));
    runs_.erase(found);
  }
  if (forget) places_.forget_checkpoint(job);
  std::erase_if(warm_queue_, [&](const auto& order) { return order.job == job; });
  if (!warm_ || !warm_->is_busy() || warm_->job() != job) return;
  warm_->retire(false);
  warm_->terminate();
  ending_.push_back(std::move(warm_));
}

void WorkerRunner::stop_all() {
  waiting_.clear();
  warm_queue_.clear();
  for (auto& [job, run] : runs_) {
    run->retire(true);
    run->terminate();
    ending_.push_back(std::move(run));
  }
  runs_.clear();
  if (!warm_) return;
  warm_->retire(false);
  warm_->terminate();
  ending_.push_back(std::move(warm_));
}

bool WorkerRunner::is_idle() const {
  return runs_.empty() && std::all_of(ending_.begin(), ending_.end(),
                                      [](const auto& run) { return run->has_ended(); });
}

// Later, never from within a run's own callback: it may destroy that run.
void WorkerRunner::sweep() {
  if (sweeping_) return;
  sweeping_ = true;
  loop_.after(Duration(0), [this, alive = alive_] {
    if (!*alive) return;
    sweeping_ = false;
    for (auto entry = runs_.begin(); entry != runs_.end();) {
      const bool over = !entry->second->is_busy();
      if (over) ending_.push_back(std::move(entry->second));
      entry = over ? runs_.erase(entry) : std::next(entry);
    }
    std::erase_if(ending_, [](const auto& run) { return run->has_ended(); });
    for (auto entry = waiting_.begin(); entry != waiting_.end();) {
      member::RunWorker order = std::move(entry->second);
      entry = waiting_.erase(entry);
      const bool lingers = std::any_of(ending_.begin(), ending_.end(),
                                       [&](const auto& run) { return run->job() == order.job; });
      if (lingers) {
        waiting_[order.job] = std::move(order);
        break;  // swept again when it has ended
      }
      start(std::move(order));
    }
    start_warm();
  });
}

}  // namespace cloister::member_shell
