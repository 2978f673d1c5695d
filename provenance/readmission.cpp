#include "provenance/readmission.h"

#include "provenance/erasure.h"

namespace cloister::provenance {
namespace {

constexpr std::size_t group_records = 256;

}  // namespace

Result<void> Readmission::add(Submission submission, RecordKind kind) {
  const bool withdraws = kind == RecordKind::consent_withdrawn;
  const bool belongs = in_withdrawal_ && (withdraws || kind == RecordKind::quarantine_set);
  if (!belongs && (in_withdrawal_ || withdraws || group_.size() >= group_records)) {
    if (auto done = admit(); !done) return done;
    in_withdrawal_ = withdraws;
  }
  group_.push_back(std::move(submission));
  return {};
}

Result<void> Readmission::finish() {
  if (auto done = admit(); !done) return done;
  if (unexplained_.empty()) return {};
  return fail(
      Kind::corrupt, "replay.altered",
      fmt::format("Record {} is not what was signed, and no record says that its words were "
                  "erased.",
                  unexplained_.begin()->second),
      "Keep it as evidence, and tell the consortium.");
}

Result<void> Readmission::admit() {
  if (group_.empty()) return {};
  const auto start = ledger_head(ledger_);
  if (!start) return pass(start);
  const auto batch =
      Sequencer(ledger_, rules_).prepare(group_, {.now = {}, .all_or_nothing = in_withdrawal_});
  if (!batch) return pass(batch);
  for (std::size_t i = 0; i < group_.size(); ++i) {
    const auto& outcome = batch->outcomes[i];
    if (!outcome) {
      return fail(outcome.error().kind, "replay.refused",
                  fmt::format("Record {} would not be admitted: {}", start->size + i,
                              outcome.error().what));
    }
    if (outcome->was_there) {
      return fail(Kind::corrupt, "replay.repeated",
                  fmt::format("Record {} is in the log twice.", start->size + i));
    }
    if (!group_[i].leaf.empty()) unexplained_.emplace(outcome->leaf_hash, outcome->index);
    const auto erasure = erasure_in(batch->records[i]);
    if (erasure && *erasure) unexplained_.erase((*erasure)->record);
  }
  ledger_.apply(batch->puts);
  group_.clear();
  return {};
}

}  // namespace cloister::provenance
