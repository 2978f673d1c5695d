#include "checkers.h"

#include "coordinator/core/job.h"
#include "provenance/merkle.h"

namespace cloister::simulation {

using provenance::Record;
using provenance::RecordKind;

std::optional<std::string> Checkers::after_step(const SimCoordinator& coordinator) {
  if (!coordinator.is_up()) return std::nullopt;
  const coordinator::Ledger& ledger = coordinator.ledger();
  const auto read = [&](std::uint64_t from) {
    return ledger.read({from, 256}, [](const Record&) { return true; }).value();
  };
  if (last_ledger_ != &ledger) {
    // It started again: everything that was durable must be there, unchanged.
    last_ledger_ = &ledger;
    if (ledger.size() < leaves_.size()) return "append-only: records are gone after a restart";
    for (std::uint64_t from = 0; from < leaves_.size();) {
      for (const auto& entry : read(from)) {
        if (entry.index >= leaves_.size()) break;
        if (provenance::leaf_hash(entry.leaf) != leaves_[entry.index])
          return "append-only: a record changed after a restart";
      }
      from += 256;
    }
  }
  if (ledger.size() == leaves_.size()) return std::nullopt;
  while (leaves_.size() < ledger.size()) {
    for (const auto& entry : read(leaves_.size())) {
      if (auto broken = take(coordinator, entry)) return broken;
    }
  }
  coordinator.core().check_invariants();
  return std::nullopt;
}

std::optional<std::string> Checkers::take(const SimCoordinator& coordinator,
                                          const protocol::LedgerEntry& entry) {
  const Digest leaf = provenance::leaf_hash(entry.leaf);
  leaves_.push_back(leaf);
  const auto envelope = provenance::parse_envelope(as_text(entry.envelope)).value();
  const Record record = provenance::parse_statement(envelope.payload).value();
  if (auto broken = judge(coordinator, record)) return broken;
  if (auto broken = follow_withdrawals(record)) return broken;
  kinds_.insert(record.kind);
  follow_models(record);
  for (const auto& input : record.inputs) seen_[input.digest].insert(record.kind);
  for (const auto& subject : record.subjects) {
    seen_[subject.digest].insert(record.kind);
    if (record.kind == RecordKind::model_approved) model_approvals_[subject.digest].push_back(leaf);
  }
  if (record.kind == RecordKind::job_approved) approved_.insert(record.job);
  return std::nullopt;
}

std::optional<std::string> Checkers::judge(const SimCoordinator& coordinator,
                                           const Record& record) {
  if (record.kind == RecordKind::dataset_admitted) {
    const auto& kinds = seen_[record.subjects.front().digest];
    for (const RecordKind needed : {RecordKind::permit_granted, RecordKind::gate_reported,
                                    RecordKind::transfer_sent, RecordKind::transfer_received}) {
      if (!kinds.contains(needed))
        return fmt::format("permit-first: admitted without {}", provenance::to_string(needed));
    }
  }
  if (record.kind == RecordKind::model_released) {
    for (const std::string& site : origins_[record.subjects.front().digest]) {
      const auto open = tests_.at(record.subjects.front().digest).open_at(site);
      const bool is_settled =
          open.failed.empty() && (open.warned.empty() || !record.reason.empty());
      if (!open.is_tested || !is_settled)
        return fmt::format("test-first: a network was released that {} did not find safe", site);
    }
  }
  const auto& studies = coordinator.core().studies();
  const auto study = studies.find(record.study);
  const coordinator::Job* job = study == studies.end() ? nullptr : study->second.job(record.job);
  if (job == nullptr || !coordinator::is_product(*job, record)) return std::nullopt;
  if (++products_[job->id] > 1)
    return fmt::format("effect-once: job {} has a second product", job->id);
  const bool is_sites =
      job->kind != "predict" && job->kind != "train-segmentation" && job->kind != "release";
  if (is_sites && !approved_.contains(job->id))
    return fmt::format("approval-first: job {} was done before it was approved", job->id);
  return std::nullopt;
}

void Checkers::follow_models(const Record& record) {
  if (record.kind == RecordKind::dataset_encoded) {
    for (const auto& subject : record.subjects) encoded_at_[subject.digest] = record.actor.org;
  }
  if (record.kind == RecordKind::model_produced) {
    const Digest model = record.subjects.front().digest;
    tests_.try_emplace(model, model);
    for (const auto& input : record.inputs) {
      const auto found = encoded_at_.find(input.digest);
      if (found != encoded_at_.end()) origins_[model].insert(found->second);
    }
  }
  for (auto& [model, tests] : tests_) tests.take(record);
}

std::optional<std::string> Checkers::follow_withdrawals(const Record& record) {
  const bool makes = provenance::traits(record.kind).subjects == provenance::Subjects::produced;
  if (record.kind == RecordKind::quarantine_set) {
    for (const auto& subject : record.subjects) quarantined_.insert(subject.digest);
    for (const Digest& thing : tainted_) {
      if (!quarantined_.contains(thing)) return "no-escape: the quarantine leaves something out";
    }
    return std::nullopt;
  }
  if (record.kind == RecordKind::consent_withdrawn) {
    std::vector<Digest> queue;
    for (const auto& subject : record.subjects) queue.push_back(subject.digest);
    while (!queue.empty()) {
      const Digest thing = queue.back();
      queue.pop_back();
      if (!tainted_.insert(thing).second) continue;
      const auto& made = made_from_[thing];
      queue.insert(queue.end(), made.begin(), made.end());
    }
    return std::nullopt;
  }
  if (!makes) return std::nullopt;
  for (const auto& input : record.inputs) {
    if (tainted_.contains(input.digest))
      return fmt::format("no-escape: {} was made from something withdrawn",
                         provenance::to_string(record.kind));
    for (const auto& subject : record.subjects) made_from_[input.digest].insert(subject.digest);
  }
  return std::nullopt;
}

std::vector<Digest> Checkers::approvals_of(const Digest& model) const {
  const auto found = model_approvals_.find(model);
  return found == model_approvals_.end() ? std::vector<Digest>{} : found->second;
}

}  // namespace cloister::simulation
