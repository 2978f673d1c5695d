// What became of a withdrawal, told from the ledger alone: what was taken back, what had been made
// from it, who confirmed that it is out of use, what replaced it. The text is the impact report.
#pragma once

#include <string>
#include <vector>

#include "provenance/lineage.h"

namespace cloister::provenance {

struct WithdrawalStory {
  StoredRecord withdrawal;
  std::vector<StoredRecord> quarantines;    // quarantine.set of the same group
  std::vector<StoredRecord> confirmations;  // impact.assessed of members
  std::vector<StoredRecord> others;         // impact, erasure, jobs stopped, retrain, exception
  Answer closure;                           // everything made from it, at this head
  // Artefacts of the closure that no quarantine names. Empty, or the ledger's rules were broken.
  std::vector<Digest> escaped;
};

// Of one study, in ledger order. "lineage.unknown": there is no such study.
[[nodiscard]] Result<std::vector<WithdrawalStory>> withdrawals(const LedgerReader& reader,
                                                               const StudyId& study);

// Everything made from all that the study took back, as an answer that a bundle carries.
[[nodiscard]] Result<Answer> withdrawals_answer(const LedgerReader& reader, const StudyId& study);

[[nodiscard]] std::string to_text(const WithdrawalStory& story);
[[nodiscard]] Json to_json(const WithdrawalStory& story);

}  // namespace cloister::provenance
