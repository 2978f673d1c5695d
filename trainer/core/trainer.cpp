#include "trainer/core/trainer.h"

#include <utility>

#include "base/ensure.h"
#include "trainer/core/trainer_state.h"

namespace cloister::trainer {
namespace {

using Step = LocalJob::Step;

struct Dispatch {
  TrainerState& state;
  Instant now;

  void operator()(const member::Started&) const {}
  void operator()(const member::Ticked&) const {}
  void operator()(const member::Answered&) const {}        // the link's
  void operator()(const member::Unanswered&) const {}      // the link's
  void operator()(const member::LineOpened&) const {}      // the link's
  void operator()(const member::LineFailed&) const {}      // the link's
  void operator()(const member::FilesCommitted&) const {}  // agents only
  void operator()(const member::WorkerProgressed& event) const {
    state.link.set_progress(event.progress);
  }
  void operator()(const member::ArtifactKept& event) const {
    LocalJob* local = member::find_at(state.jobs, event.job, Step::running);
    if (local != nullptr) local->worked.kept.push_back(event.kept);
  }
  void operator()(const member::WorkerFinished& event) const { on_worker_finished(state, event); }
  void operator()(const member::WorkerFailed& event) const { on_worker_failed(state, event, now); }
  void operator()(const member::Uploaded& event) const { on_moved(state, event.digest, now); }
  void operator()(const member::Downloaded& event) const { on_moved(state, event.digest, now); }
  void operator()(const member::TransferProgressed& event) const {
    const bool leaves = member::find_at(state.jobs, event.job, Step::leaving) != nullptr;
    state.show_transfer(event, leaves);
  }
  void operator()(const member::TransferFailed& event) const {
    on_transfer_failed(state, event, now);
  }
  void operator()(const member::PersonAsked& event) const { on_person(state, event, now); }
};

bool is_busy(const TrainerState& state) {
  return state.training || state.predicting || member::anything_moves(state.jobs);
}

}  // namespace

TrainerState::TrainerState(TrainerOptions options_, const crypto::SecretKey& key,
                           const member::Stored& stored)
    : CoreState(options_.link, key, stored), options(std::move(options_)) {
  restore_witnessed(*this, stored);
  restore_learned(*this, stored);
  member::restore_worked(jobs, stored);
}

struct Trainer::Inner {
  TrainerState state;
};

Trainer::Trainer(TrainerOptions options, const crypto::SecretKey& key, const member::Stored& stored)
    : inner_(new Inner{TrainerState(std::move(options), key, stored)}) {}
Trainer::~Trainer() = default;

member::Actions Trainer::on(const member::Event& event, Instant now) {
  TrainerState& state = inner_->state;
  if (const auto refused = state.hear(event, now)) on_refused(state, *refused, now);
  std::visit(Dispatch{state, now}, event);
  if (!state.link.watch().halted()) reconcile(state, now);
  return state.settle(is_busy(state), now);
}

std::optional<Instant> Trainer::next_deadline() const {
  return member::next_deadline(inner_->state.link, inner_->state.jobs);
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
