#include "trainer/core/trainer_state.h"

namespace cloister::trainer {
namespace {

using member::failure_pause;
using member::find_at;
using protocol::JobState;
using protocol::JobView;
using Step = LocalJob::Step;

std::optional<JobId>& slot_of(TrainerState& state, const JobView& job) {
  return job.kind == "predict" ? state.predicting : state.training;
}

void leave_slots(TrainerState& state, const JobId& id) {
  if (state.training == id) state.training.reset();
  if (state.predicting == id) state.predicting.reset();
}

// Opened shards lived in the worker only; the sealed ones are wiped as well.
void discard(TrainerState& state, const JobId& id, const LocalJob& local) {
  member::Discard all{id, {}};
  for (const Dataset& dataset : local.datasets) {
    for (const Shard& shard : dataset.shards) all.digests.push_back(shard.sealed);
  }
  for (const member::Kept& kept : local.worked.kept) {
    if (kept.as == member::KeepAs::sealed) all.digests.push_back(kept.digest);
  }
  if (!all.digests.empty()) state.out.emplace_back(std::move(all));
}

void stop(TrainerState& state, const JobId& id, bool forget) {
  const auto found = state.jobs.find(id);
  if (found == state.jobs.end()) return;
  LocalJob& local = found->second;
  if (local.step == Step::running) state.out.push_back(member::StopWorker{id, forget});
  if (!local.moving.empty()) state.out.push_back(member::StopTransfers{id});
  leave_slots(state, id);
  state.link.clear_progress(id);
  if (forget) {
    discard(state, id, local);
    state.out.emplace_back(member::drop_worked(id));
    state.jobs.erase(found);
  } else if (local.step < Step::worked) {
    local = LocalJob{};
  }
}

void start_worker(TrainerState& state, const JobView& job, Instant now) {
  LocalJob& local = state.jobs[job.id];
  std::optional<JobId>& slot = slot_of(state, job);
  if (slot) return;  // its turn comes
  auto order = order_for(state, job, local);
  if (!order) return fail_job(state, job, order.error(), now);
  if (job.kind != "predict") record_start(state, job, now);
  slot = job.id;
  local.step = Step::running;
  local.worked = member::Worked{};
  local.worked.attempt = job.attempt;
  state.out.emplace_back(std::move(*order));
}

void perform(TrainerState& state, const JobView& job, Instant now) {
  const member::Study* study = state.link.study(job.study);
  if (study == nullptr || study->trainer.id != state.options.link.self) {
    return stop(state, job.id, false);
  }
  if (state.link.records().knows(member::product_name(job.id)) || state.is_ending(job.id)) return;
  LocalJob& local = state.jobs[job.id];
  if (local.step == Step::worked) {
    return job.kind == "predict" ? begin_reply(state, job, now) : record_model(state, job, now);
  }
  if (local.step == Step::sent) local.step = Step::worked;  // its record was refused for now
  if (local.step == Step::ready) return start_worker(state, job, now);
  // Two leases ran out while we were heard: the worker hangs (one may be a slow machine's).
  if (local.step == Step::running && job.attempt > local.worked.attempt + 1) {
    state.notice(member::NoticeLevel::warn, "worker.hangs",
                 fmt::format("Job '{}': no progress for two leases; its worker is ended.", job.id),
                 job.id);
    stop(state, job.id, false);
  }
  if (local.step == Step::witnessing) return ask_witnesses(state, job, now);
  if (local.step != Step::idle) return;
  if (local.not_before > now &&
      (local.failed_attempt == 0 || local.failed_attempt == job.attempt)) {
    return;
  }
  if (const auto ok = member::check_spec(job, *study); !ok) {
    return fail_job(state, job, ok.error(), now);
  }
  begin_fetch(state, job, now);
}

}  // namespace

void reconcile(TrainerState& state, Instant now) {
  member::shorten_pauses(state.jobs, now);
  confirm_withdrawals(state, now);
  for (const JobView& job : state.link.work().jobs) {
    if (job.assignee != state.options.link.self) continue;
    switch (job.state) {
      case JobState::offered:
        break;  // the coordinator offers the trainer only approved ones
      case JobState::approved:
      case JobState::running:
        perform(state, job, now);
        break;
      case JobState::held:
        stop(state, job.id, false);
        break;
      case JobState::done:
      case JobState::failed:
      case JobState::denied:
      case JobState::aborted:
        stop(state, job.id, true);
        break;
    }
  }
}

void fail_job(TrainerState& state, const JobView& job, const Error& error, Instant now) {
  LocalJob& local = state.jobs[job.id];
  leave_slots(state, job.id);
  discard(state, job.id, local);
  state.out.emplace_back(member::drop_worked(job.id));
  local = LocalJob{};
  local.failed_attempt = job.attempt;
  local.not_before = now + failure_pause;
  state.end_attempt(job, error, now);
}

void on_worker_finished(TrainerState& state, const member::WorkerFinished& event) {
  LocalJob* local = find_at(state.jobs, event.job, Step::running);
  leave_slots(state, event.job);
  if (local == nullptr) return;
  local->step = Step::worked;
  local->worked.result_json = event.result_json;
  state.out.emplace_back(member::keep_worked(event.job, local->worked));
}

void on_worker_failed(TrainerState& state, const member::WorkerFailed& event, Instant now) {
  LocalJob* local = find_at(state.jobs, event.job, Step::running);
  leave_slots(state, event.job);
  const JobView* job = state.find_job(event.job);
  if (local == nullptr) return;
  if (job == nullptr) {
    state.jobs.erase(event.job);
    return;
  }
  fail_job(state, *job, event.error, now);
}

void on_refused(TrainerState& state, const member::RefusedProduct& refused, Instant now) {
  const JobView* job = state.find_job(refused.job);
  const auto found = state.jobs.find(refused.job);
  if (job == nullptr || found == state.jobs.end()) return;
  const std::string& code = refused.error.code;
  if (code == "job.closed" || code == "job.not_approved" || code == "transfer.incomplete") {
    found->second.step = Step::worked;
    found->second.not_before = now + failure_pause;
    return;
  }
  fail_job(state, *job, refused.error, now);
}

}  // namespace cloister::trainer
