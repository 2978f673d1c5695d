#include "trainer/core/trainer.h"

#include <algorithm>
#include <utility>

#include "base/ensure.h"
#include "trainer/core/trainer_state.h"

namespace cloister::trainer {
namespace {

using Step = LocalJob::Step;

void on_heard(TrainerState& state, member::Heard heard, Instant now) {
  state.add(std::move(heard.actions));
  if (heard.rejected) on_rejected(state, *heard.rejected, now);
  state.add(state.own_keys.heard(heard));
  if (!heard.other) return;
  const auto asked = state.asked.find(heard.other->tag);
  if (asked == state.asked.end()) return;
  const TrainerState::Then then = std::move(asked->second);
  state.asked.erase(asked);
  then(state, std::move(heard.other->reply), now);
}

struct Dispatch {
  TrainerState& state;
  Instant now;

  void operator()(const member::Started&) const {}
  void operator()(const member::Ticked&) const {}
  void operator()(const member::Answered&) const {}        // the link's
  void operator()(const member::Unanswered&) const {}      // the link's
  void operator()(const member::FilesCommitted&) const {}  // agents only
  void operator()(const member::WorkerProgressed& event) const {
    state.link.set_progress(event.progress);
  }
  void operator()(const member::ArtifactKept& event) const {
    LocalJob* local = state.find_local(event.job, Step::running);
    if (local != nullptr) local->worked.kept.push_back(event.kept);
  }
  void operator()(const member::WorkerFinished& event) const { on_worker_finished(state, event); }
  void operator()(const member::WorkerFailed& event) const { on_worker_failed(state, event, now); }
  void operator()(const member::Uploaded& event) const { on_moved(state, event.digest, now); }
  void operator()(const member::Downloaded& event) const { on_moved(state, event.digest, now); }
  void operator()(const member::TransferProgressed& event) const {
    const auto* job = state.find_job(event.job);
    if (job == nullptr) return;
    protocol::JobProgress progress;
    progress.job = event.job;
    progress.attempt = job->attempt;
    const auto local = state.jobs.find(event.job);
    const bool leaves = local != state.jobs.end() && local->second.step == Step::leaving;
    progress.phase = leaves ? "uploading" : "downloading";
    progress.step = event.bytes;
    progress.steps = event.bytes_whole;
    progress.seconds_left = -1;
    state.link.set_progress(std::move(progress));
  }
  void operator()(const member::TransferFailed& event) const {
    on_transfer_failed(state, event, now);
  }
  void operator()(const member::PersonAsked& event) const { on_person(state, event, now); }
};

bool is_busy(const TrainerState& state) {
  if (state.training || state.predicting) return true;
  return std::any_of(state.jobs.begin(), state.jobs.end(),
                     [](const auto& entry) { return !entry.second.moving.empty(); });
}

}  // namespace

TrainerState::TrainerState(TrainerOptions options_, const crypto::SecretKey& key,
                           const member::Stored& stored)
    : options(std::move(options_)), link(options.link, key, stored) {
  restore_witnessed(*this, stored);
  restore_learned(*this, stored);
  const std::string prefix = "job/";
  for (const auto& [name, value] : stored) {
    if (!name.starts_with(prefix)) continue;
    LocalJob& local = jobs[JobId::trusted(name.substr(prefix.size()))];
    local.step = Step::worked;
    local.worked = member::worked_from(value);
  }
}

void TrainerState::add(member::Actions actions) {
  out.insert(out.end(), std::make_move_iterator(actions.begin()),
             std::make_move_iterator(actions.end()));
}

void TrainerState::ask(protocol::Request request, Then then) {
  member::Ask asking = link.ask(std::move(request));
  asked[asking.tag] = std::move(then);
  out.emplace_back(std::move(asking));
}

bool TrainerState::draft(const std::string& name, provenance::Record record, Instant now) {
  const JobId about = record.job;
  auto drafted = link.records().draft(name, std::move(record), now);
  if (!drafted) {
    notice(member::NoticeLevel::warn, drafted.error().code, drafted.error().what, about);
    return false;
  }
  add(std::move(*drafted));
  return true;
}

void TrainerState::notice(member::NoticeLevel level, std::string_view code, std::string text,
                          const JobId& job) {
  out.push_back(member::Notice{level, std::string(code), std::move(text), job});
}

const protocol::JobView* TrainerState::find_job(const JobId& id) const {
  for (const protocol::JobView& job : link.work().jobs) {
    if (job.id == id) return &job;
  }
  return nullptr;
}

LocalJob* TrainerState::find_local(const JobId& id, Step step) {
  const auto found = jobs.find(id);
  return found == jobs.end() || found->second.step != step ? nullptr : &found->second;
}

struct Trainer::Inner {
  TrainerState state;
};

Trainer::Trainer(TrainerOptions options, const crypto::SecretKey& key, const member::Stored& stored)
    : inner_(new Inner{TrainerState(std::move(options), key, stored)}) {}
Trainer::~Trainer() = default;

member::Actions Trainer::on(const member::Event& event, Instant now) {
  TrainerState& state = inner_->state;
  on_heard(state, state.link.on(event, now), now);
  std::visit(Dispatch{state, now}, event);
  if (!state.link.watch().halted()) reconcile(state, now);
  state.link.set_busy(is_busy(state));
  state.add(state.link.settle(now));
  return std::exchange(state.out, {});
}

std::optional<Instant> Trainer::next_deadline() const {
  const TrainerState& state = inner_->state;
  std::optional<Instant> next = state.link.next_deadline();
  for (const auto& [id, local] : state.jobs) {
    if (local.not_before != Instant())
      next = next ? std::min(*next, local.not_before) : local.not_before;
  }
  return next;
}

const member::Link& Trainer::link() const { return inner_->state.link; }

bool Trainer::is_idle() const {
  return !is_busy(inner_->state) && inner_->state.link.records().is_idle();
}

void Trainer::check_invariants() const {
  const TrainerState& state = inner_->state;
  for (const auto& [id, local] : state.jobs) {
    if (local.step != Step::running) continue;
    ensure(state.training == id || state.predicting == id, "who runs has a worker");
  }
}

}  // namespace cloister::trainer
