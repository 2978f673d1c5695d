// Withdrawals of a study as the ledger tells them, and what must follow each one:
//
//   consent.withdrawn [a person of the site] + quarantine.set [coordinator]   one group, one write
//   job.failed [coordinator]         every open job that reads something quarantined: it stops
//   impact.assessed [coordinator]    how much was made from what was withdrawn
//   impact.assessed [each member]    details.confirms: nothing of it runs or is served here
//   erase.executed [coordinator]     the key wraps of the withdrawn shards are destroyed here
//   retrain.completed [coordinator]  a model without them is there
//   or impact.assessed [owner]       details.decision "no-retrain", with a reason
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/core/blob_facts.h"
#include "coordinator/core/membership.h"
#include "coordinator/core/placed.h"
#include "provenance/json.h"

namespace cloister::coordinator {

class Study;
struct Draft;

struct Withdrawal {
  Digest leaf;  // of consent.withdrawn
  std::uint64_t index = 0;
  std::string site;  // that withdrew
  std::string reason;
  std::vector<Digest> subjects;     // what was withdrawn
  std::set<Digest> quarantined;     // everything made from it, itself included
  std::set<MemberId> confirmed;     // who stopped using it
  bool is_assessed = false;         // the coordinator's impact.assessed is there
  bool is_erased = false;           // the wraps of its shards are destroyed
  std::optional<Digest> retrained;  // the model that replaced what was lost
  std::string exception;            // why the owner does without a retrain

  [[nodiscard]] bool is_settled() const { return retrained || !exception.empty(); }
  friend bool operator==(const Withdrawal&, const Withdrawal&) = default;
};

// Applies consent.withdrawn, quarantine.set and what follows them. True if anything changed.
bool apply(std::vector<Withdrawal>& withdrawals, const Placed& placed, const std::string& site);
// Whether the record is about one of these withdrawals (details.withdrawal or details.confirms).
[[nodiscard]] bool is_about_withdrawal(const provenance::Record& record);

// "withdrawal.unknown": it names none of the study's; "withdrawal.decision": a decision that is not
// the owner's or has no reason; "withdrawal.own": the coordinator's own steps by somebody else.
[[nodiscard]] Result<void> check_follow_up(const provenance::Record& record, const Study& study,
                                           const Membership& membership);

// The agents of the study's sites and its trainer.
[[nodiscard]] std::vector<MemberId> must_confirm(const Study& study, const Membership& membership);

// What the coordinator writes next about the study's withdrawals.
[[nodiscard]] std::vector<Draft> plan_withdrawals(const Study& study, const BlobFacts& facts);
// Shards of withdrawn datasets whose key wraps still lie in the coordinator's store.
[[nodiscard]] std::vector<Digest> wraps_to_erase(const Study& study, const BlobFacts& facts);

[[nodiscard]] provenance::Json withdrawals_json(const Study& study, const Membership& membership);

}  // namespace cloister::coordinator
