#include <algorithm>

#include "base/ensure.h"
#include "site-agent/core/agent_state.h"

namespace cloister::site_agent {
namespace {

using member::check_spec;
using member::find_at;
using member::job_record;
using member::product_name;
using protocol::JobState;
using protocol::JobView;
using provenance::Json;
using provenance::RecordKind;
using Step = LocalJob::Step;

std::string approval_name(const JobView& job) {
  return fmt::format("approve/{}/{}", job.id, short_hex(job.spec_digest));
}

void approve_by_policy(AgentState& state, const JobView& job, const member::Study& study,
                       Instant now) {
  provenance::Record record = job_record(RecordKind::job_approved, job, study);
  record.inputs.resize(1);  // the spec
  record.subjects.push_back({"spec", job.spec_digest});
  record.policy = provenance::PolicyRef{"policy.toml", state.options.policy.digest};
  record.actor.on_behalf_of = state.published->signer;
  state.draft(approval_name(job), std::move(record), now);
}

std::string stopped_text(Stopped stopped) {
  if (stopped == Stopped::being_told)
    return "Stopped by a person of this site; the ledger is being told.";
  return "Stopped on this machine by a person of this site; no signature says so yet: give the "
         "command again once the coordinator is reached.";
}

void consider_offer(AgentState& state, const JobView& job, Instant now) {
  const member::Study* study = state.link.study(job.study);
  LocalJob& local = state.jobs[job.id];
  if (const auto found = state.stopped_here.find(job.id); found != state.stopped_here.end()) {
    local.waits_for = stopped_text(found->second);
    return;
  }
  if (study == nullptr) {
    local.waits_for = "The study's plan could not be verified: nothing of it runs here.";
    return;
  }
  const Decision decision = decide(state.options.policy, state.policy_is_published(), *study, job);
  local.waits_for = decision.why;
  if (decision.ruling != Ruling::automatic) return;
  if (!state.options.policy.amendments_automatic && state.agreements.needs_person(*study)) {
    local.waits_for = fmt::format(
        "Version {} of the study's plan is new here: a person looks at the difference and approves "
        "one job of it; then the policy applies again.",
        study->plan.version);
    return;
  }
  if (const auto ok = check_spec(job, *study); !ok) {
    local.waits_for = ok.error().what;
    return;
  }
  approve_by_policy(state, job, *study, now);
}

void stop(AgentState& state, const JobId& id, bool forget) {
  const auto found = state.jobs.find(id);
  if (found == state.jobs.end()) return;
  LocalJob& local = found->second;
  if (state.worker == id) {
    state.out.push_back(member::StopWorker{id, forget});
    state.worker.reset();
  }
  if (!local.moving.empty()) state.out.push_back(member::StopTransfers{id});
  state.link.clear_progress(id);
  if (!forget) {
    if (local.step != Step::worked) local = LocalJob{};
    return;
  }
  if (local.step == Step::worked) state.out.emplace_back(member::drop_worked(id));
  state.jobs.erase(found);
}

// The coordinator cannot know the policy's hours; the study's people may, the policy is published.
void tell_hours(AgentState& state, const JobView& job, Instant opening) {
  protocol::JobProgress waiting;
  waiting.job = job.id;
  waiting.attempt = 0;
  waiting.phase =
      fmt::format("waits for its site's hours, from {} UTC", to_rfc3339(opening).substr(11, 5));
  waiting.seconds_left = -1;
  state.link.set_progress(std::move(waiting));
}

bool needs_replies(const JobView& job) {
  return job.kind == "tune-mask-decoder" || job.kind == "evaluate";
}

void start_worker(AgentState& state, const JobView& job, const member::Study& study, Instant now) {
  LocalJob& local = state.jobs[job.id];
  if (state.worker) {
    state.link.clear_progress(job.id);  // the hours may have opened for both
    local.waits_for = fmt::format("Waits for the job '{}' that runs here now.", *state.worker);
    return;
  }
  if (job.kind == "register-data" && state.withdrawn_unread) {
    local.waits_for = fmt::format("Which cases were taken back cannot be read: {} {}",
                                  state.withdrawn_unread->what, state.withdrawn_unread->next);
    return;
  }
  if (!is_within(state.options.policy.hours, now)) {
    local.waits_for = fmt::format(
        "Waits for the hours in which the site's policy lets workers run "
        "(from {}).",
        to_rfc3339(next_opening(state.options.policy.hours, now)));
    local.not_before = next_opening(state.options.policy.hours, now);
    tell_hours(state, job, local.not_before);
    return;
  }
  auto order = order_for(job, state.order_context(study, local.replies));
  if (!order) {
    fail_job(state, job, order.error(), now);
    return;
  }
  state.link.clear_progress(job.id);
  local.step = Step::running;
  local.not_before = Instant();
  local.waits_for = "Runs here.";
  local.worked = member::Worked{};
  local.worked.attempt = job.attempt;
  state.worker = job.id;
  state.out.emplace_back(std::move(*order));
}

// Too few patients to take part is known as soon as the data are registered.
Result<void> check_patients(const AgentState& state, const JobView& job, const member::Study& study,
                            const Json& result) {
  if (job.kind != "register-data") return {};
  std::uint64_t patients = 0;
  if (const Json* splits = result.find("splits"); splits != nullptr && splits->fields()) {
    for (const auto& [name, split] : *splits->fields()) {
      patients += provenance::count_at(split, "patients").value_or(0);
    }
  }
  const std::uint64_t least =
      std::max<std::uint64_t>(state.options.policy.cases_min, study.plan.patients_min);
  if (patients >= least) return {};
  return fail(Kind::invalid, "data.too_few",
              fmt::format("{} patients can be used; the study and the site's policy ask for at "
                          "least {}.",
                          patients, least),
              "Look at the excluded cases in the site's report, and add data.");
}

void record_product(AgentState& state, const JobView& job, const member::Study& study,
                    Instant now) {
  LocalJob& local = state.jobs[job.id];
  auto made = make_product(job, study, state.site(), local.worked);
  auto enough = made ? check_patients(state, job, study, made->product.result) : Result<void>{};
  if (!made || !enough) {
    fail_job(state, job, made ? enough.error() : made.error(), now);
    return;
  }
  cite_approval(state, job, made->record);
  local.waits_for = "Its record is on the way to the ledger.";
  state.add(state.products.add(std::move(made->product)));
  if (!state.draft(product_name(job.id), std::move(made->record), now)) {
    fail_job(state, job,
             Error{Kind::invalid, "job.record", "What the job made is too large for one record.",
                   "Lower the number of cases or views."},
             now);
  }
}

void perform(AgentState& state, const JobView& job, Instant now) {
  const member::Study* study = state.link.study(job.study);
  LocalJob& local = state.jobs[job.id];
  if (study == nullptr) {
    stop(state, job.id, false);
    state.jobs[job.id].waits_for = "The study's plan could not be verified: nothing of it runs.";
    return;
  }
  if (state.link.records().knows(product_name(job.id)) || state.is_ending(job.id)) return;
  const bool has_failed = local.failed_attempt == job.attempt && now < local.not_before;
  if (local.step == Step::idle && has_failed) return;
  const Decision decision = decide(state.options.policy, true, *study, job);
  if (decision.ruling == Ruling::never) {
    stop(state, job.id, false);
    state.jobs[job.id].waits_for = decision.why;
    return;
  }
  if (const auto found = state.stopped_here.find(job.id); found != state.stopped_here.end()) {
    stop(state, job.id, false);
    state.jobs[job.id].waits_for = stopped_text(found->second);
    return;
  }
  if (const auto ok = check_spec(job, *study); !ok) return fail_job(state, job, ok.error(), now);
  state.add(state.agreements.approved(job, *study));
  if (job.kind == "release") return advance_release(state, job, now);
  if (local.step == Step::worked) return record_product(state, job, *study, now);
  // Two leases ran out while we were heard: the worker hangs (one may be a slow machine's). It ends
  // and goes on from its checkpoint.
  const bool hangs = local.step == Step::running && job.attempt > local.worked.attempt + 1;
  if (hangs) {
    state.notice(member::NoticeLevel::warn, "worker.hangs",
                 fmt::format("Job '{}': no progress for two leases; its worker is ended and "
                             "attempt {} begins.",
                             job.id, job.attempt),
                 job.id);
    stop(state, job.id, false);
  }
  if (local.step != Step::idle) return;
  if (needs_replies(job) && local.replies.empty()) return fetch_replies(state, job, now);
  start_worker(state, job, *study, now);
}

// Sealed copies that have served their purpose go: shards once they left, replies once they are
// evaluated.
void finish(AgentState& state, const JobView& job) {
  if (!state.jobs.contains(job.id)) return;
  stop(state, job.id, true);
  member::Discard sealed{job.id, {}};
  for (const auto& input : job.inputs) {
    if (job.kind == "evaluate" && input.name == "reply") sealed.digests.push_back(input.digest);
    const Product* product = state.products.find(input.digest);
    if (job.kind != "release" || product == nullptr || product->kind != "encode") continue;
    for (const member::Kept& kept : product->kept) {
      if (kept.as == member::KeepAs::sealed) sealed.digests.push_back(kept.digest);
    }
  }
  if (!sealed.digests.empty()) state.out.emplace_back(std::move(sealed));
}

void advance(AgentState& state, const JobView& job, Instant now) {
  const bool may_run = job.state == JobState::offered || job.state == JobState::approved ||
                       job.state == JobState::running;
  if (!may_run && state.stopped_here.erase(job.id) > 0)  // the ledger has it
    state.forget(fmt::format("{}{}", stopped_prefix, job.id));
  switch (job.state) {
    case JobState::offered:
      return consider_offer(state, job, now);
    case JobState::approved:
    case JobState::running:
      return perform(state, job, now);
    case JobState::held:
      return stop(state, job.id, false);
    case JobState::done:
      return finish(state, job);
    case JobState::failed:
    case JobState::denied:
    case JobState::aborted:
      return stop(state, job.id, true);
  }
}

void keep_worked(AgentState& state, const JobId& id, LocalJob& local) {
  local.step = Step::worked;
  state.out.emplace_back(member::keep_worked(id, local.worked));
}

Prediction* prediction_of(AgentState& state, const JobId& id) {
  const auto found = state.predictions.find(id);
  return found == state.predictions.end() ? nullptr : &found->second;
}

}  // namespace

void reconcile(AgentState& state, Instant now) {
  read_permits(state);
  confirm_withdrawals(state, now);
  member::shorten_pauses(state.jobs, now);
  // A copy of the ids: steps may change what the list's entries lead to, never the list itself.
  const std::vector<JobView>& jobs = state.link.work().jobs;
  for (const JobView& job : jobs) {
    if (job.assignee == state.options.link.self) advance(state, job, now);
  }
  advance_predictions(state);
}

void cite_approval(const AgentState& state, const JobView& job, provenance::Record& record) {
  const auto person = state.approvals.find(job.id);
  if (person != state.approvals.end()) {
    record.approvals.push_back(person->second);
    return;
  }
  const member::Receipted* automatic = state.link.records().receipt(approval_name(job));
  if (automatic == nullptr) return;
  record.approvals.push_back(automatic->leaf);
}

void fail_job(AgentState& state, const JobView& job, const Error& error, Instant now) {
  LocalJob& local = state.jobs[job.id];
  if (state.worker == job.id) state.worker.reset();
  if (local.step == Step::worked) state.out.emplace_back(member::drop_worked(job.id));
  local = LocalJob{};
  local.failed_attempt = job.attempt;
  local.not_before = now + member::failure_pause;
  local.waits_for = error.what;
  state.end_attempt(job, error, now);
}

void on_artifact(AgentState& state, const member::ArtifactKept& event) {
  if (Prediction* prediction = prediction_of(state, event.job)) {
    prediction->kept.push_back(event.kept);
    return;
  }
  LocalJob* local = find_at(state.jobs, event.job, Step::running);
  if (local != nullptr) local->worked.kept.push_back(event.kept);
}

void on_worker_finished(AgentState& state, const member::WorkerFinished& event, Instant now) {
  if (Prediction* prediction = prediction_of(state, event.job)) {
    on_volume_done(state, *prediction, event.result_json, now);
    return;
  }
  LocalJob* local = find_at(state.jobs, event.job, Step::running);
  if (local == nullptr) return;
  if (state.worker == event.job) state.worker.reset();
  local->worked.result_json = event.result_json;
  const JobView* job = state.find_job(event.job);
  const member::Kept* site_map = member::find_kept(local->worked.kept, "site-map");
  if (site_map == nullptr || job == nullptr || job->kind != "register-data") {
    return keep_worked(state, event.job, *local);
  }
  local->step = Step::committing;
  state.out.push_back(member::CommitFiles{event.job, event.attempt, site_map->digest});
}

void on_worker_failed(AgentState& state, const member::WorkerFailed& event, Instant now) {
  if (prediction_of(state, event.job) != nullptr) {
    end_prediction(state, event.job, tl::unexpected(event.error));
    return;
  }
  if (state.worker == event.job) state.worker.reset();
  const JobView* job = state.find_job(event.job);
  if (find_at(state.jobs, event.job, Step::running) == nullptr) return;
  if (job == nullptr) {
    state.jobs.erase(event.job);
    return;
  }
  fail_job(state, *job, event.error, now);
}

void on_files_committed(AgentState& state, const member::FilesCommitted& event, Instant now) {
  LocalJob* local = find_at(state.jobs, event.job, Step::committing);
  if (local == nullptr) return;
  const JobView* job = state.find_job(event.job);
  if (!event.commitments) {
    if (job != nullptr) fail_job(state, *job, event.commitments.error(), now);
    return;
  }
  local->worked.commitments = *event.commitments;
  keep_worked(state, event.job, *local);
}

// The job fails rather than wait for ever.
void on_refused(AgentState& state, const member::RefusedProduct& refused, Instant now) {
  const auto found = state.jobs.find(refused.job);
  const JobView* job = state.find_job(refused.job);
  if (found == state.jobs.end() || job == nullptr) return;
  const std::string& code = refused.error.code;
  if (code == "job.closed" || code == "job.not_approved") return;
  if (code == "transfer.incomplete") {  // upload what is missing, then say so again
    found->second.step = Step::idle;
    return;
  }
  fail_job(state, *job, refused.error, now);
}

}  // namespace cloister::site_agent
