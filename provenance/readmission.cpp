#include "provenance/readmission.h"

namespace cloister::provenance {
namespace {

constexpr std::size_t group_records = 256;

}  // namespace

Result<void> Readmission::add(Submission submission, RecordKind kind) {
  const bool withdraws = kind == RecordKind::consent_withdrawn;
  const bool belongs = in_withdrawal_ && (withdraws || kind == RecordKind::quarantine_set);
  if (!belongs && (in_withdrawal_ || withdraws || group_.size() >= group_records)) {
    if (auto done = finish(); !done) return done;
    in_withdrawal_ = withdraws;
  }
  group_.push_back(std::move(submission));
  return {};
}

Result<void> Readmission::finish() {
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
  }
  ledger_.apply(batch->puts);
  group_.clear();
  return {};
}

}  // namespace cloister::provenance
