// What must hold after every step of every run, whatever goes wrong. A broken rule ends the run
// with a sentence.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "provenance/model_release.h"
#include "sim_coordinator.h"

namespace cloister::simulation {

class Checkers {
 public:
  // The first rule that does not hold; nothing while all is well.
  //   append-only       what was durable once stays, at its place
  //   effect-once       a job has at most one product
  //   permit-first      nothing is admitted before its release permit, gate report and receipt
  //   approval-first    no product of a job comes before its approval
  //   test-first        no network is released that a site it learned from did not test, or found
  //                     to give its patients away without an exception
  //   no-escape         a withdrawal's quarantine names everything made from what was withdrawn,
  //   and
  //                     nothing is made from it afterwards
  [[nodiscard]] std::optional<std::string> after_step(const SimCoordinator& coordinator);

  [[nodiscard]] std::vector<Digest> approvals_of(const Digest& model) const;
  [[nodiscard]] std::size_t records() const { return leaves_.size(); }
  [[nodiscard]] bool has_any(provenance::RecordKind kind) const { return kinds_.contains(kind); }

 private:
  [[nodiscard]] std::optional<std::string> take(const SimCoordinator& coordinator,
                                                const protocol::LedgerEntry& entry);
  [[nodiscard]] std::optional<std::string> judge(const SimCoordinator& coordinator,
                                                 const provenance::Record& record);

  void follow_models(const provenance::Record& record);

  std::vector<Digest> leaves_;
  std::uint64_t life_checked_ = 0;
  [[nodiscard]] std::optional<std::string> follow_withdrawals(const provenance::Record& record);

  std::set<provenance::RecordKind> kinds_;
  std::map<JobId, int> products_;
  std::map<Digest, std::set<Digest>> made_from_;  // thing -> what was made from it
  std::set<Digest> tainted_;                      // made from something that was withdrawn
  std::set<Digest> quarantined_;
  std::set<JobId> approved_;
  std::map<Digest, std::set<provenance::RecordKind>> seen_;  // kinds that named this digest
  std::map<Digest, std::vector<Digest>> model_approvals_;
  std::map<Digest, std::string> encoded_at_;         // thing -> site
  std::map<Digest, std::set<std::string>> origins_;  // model -> sites
  std::map<Digest, provenance::MembershipTests> tests_;
  const void* last_ledger_ = nullptr;
};

}  // namespace cloister::simulation
