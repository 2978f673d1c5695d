// Going through a log again from the outside: records that others admitted are put before our own
// sequencer, in their order. A withdrawal and the quarantine that came with it are judged as the
// one group that they were; everything else may be grouped as one likes.
#pragma once

#include <map>
#include <vector>

#include "base/result.h"
#include "provenance/sequencer.h"

namespace cloister::provenance {

class Readmission {
 public:
  // Both must outlive this. The ledger holds what was admitted so far.
  Readmission(MemoryLedger& ledger, const LedgerRules& rules) : ledger_(ledger), rules_(rules) {}

  // Keeps the record for the group under way; admits the group where it is full or ends here.
  // "replay.refused", "replay.repeated": with the number of the record that does not stand up.
  [[nodiscard]] Result<void> add(Submission submission, RecordKind kind);
  // Admits what is waiting. To be called at the end. "replay.altered": a record is not what was
  // signed, and no record says that its words were erased.
  [[nodiscard]] Result<void> finish();
  // Records waiting in the group under way.
  [[nodiscard]] std::size_t waiting() const { return group_.size(); }

 private:
  [[nodiscard]] Result<void> admit();

  MemoryLedger& ledger_;
  const LedgerRules& rules_;
  std::vector<Submission> group_;
  bool in_withdrawal_ = false;
  std::map<Digest, std::uint64_t> unexplained_;  // remains whose erasure did not come yet
};

}  // namespace cloister::provenance
