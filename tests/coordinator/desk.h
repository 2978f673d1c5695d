// A coordinator's core with everything around it made of values: no signatures, no store. Records
// are placed in the order in which they are handed in, and the core's own at once.
#pragma once

#include <string>
#include <vector>

#include "coordinator/core/coordinator.h"

namespace cloister::coordinator::testing {

using provenance::Json;
using provenance::Record;
using provenance::RecordKind;

class Desk {
 public:
  // The root, an administrator, an owner, a trainer, the coordinator and an auditor, and for each
  // site an agent, an administrator and a steward ("agent-a", "admin-a", "steward-a").
  explicit Desk(std::vector<std::string> sites = {"a", "b", "c"});

  // Checked, placed, folded, and the core's own next records after it.
  Result<void> submit(Record record);
  void must(Record record);
  // Two records of one group, as the ledger places a withdrawal with its quarantine.
  void must_both(Record first, Record second);
  Actions event(const Event& event);  // performs Appends
  Actions request(const std::string& member, protocol::Request request);
  // The reply to a request that is answered at once.
  protocol::Reply ask(const std::string& member, protocol::Request request);
  // The Work of a Poll that does not wait.
  protocol::Work work(const std::string& member);

  // A record by a member, about a study's job if given.
  [[nodiscard]] Record record(RecordKind kind, const std::string& member) const;
  [[nodiscard]] protocol::StudyPlan plan() const;
  void open_study() { must(opening(plan())); }
  [[nodiscard]] Record opening(const protocol::StudyPlan& plan) const;
  void approve(const JobId& job, const std::string& member);
  [[nodiscard]] Record product(const Job& job) const;  // what its assignee writes when it is done
  void run_chain(const std::string& site, std::string_view until);
  void except_all(const std::string& site);
  void permit_release(const std::string& site);
  void upload(const std::string& site);
  void finish_site(const std::string& site);  // from its first job to its dataset's admission
  void upload_replies(const Job& predict);
  void run_to_training();  // of the segmentation network, which is then offered
  void run_to_model();

  [[nodiscard]] const Study& study() const { return core.studies().begin()->second; }
  [[nodiscard]] const Job* job(const std::string& site, std::string_view kind,
                               std::uint32_t version = 1, std::string_view part = {}) const;
  [[nodiscard]] Record manifest_record(const std::string& site, const std::string& purpose) const;

  std::vector<std::string> sites;
  Coordinator core;
  std::vector<Placed> ledger;
  std::vector<EraseWraps> erased;  // what the shell was told to destroy
  Instant now{1'700'000'000'000};

  void bind(const std::string& member, protocol::Role role, const std::string& site);

 private:
  void place(Record record);
  Actions settle(Actions actions);
  Token token_ = 0;
};

[[nodiscard]] Digest digest_of(std::string_view text);

}  // namespace cloister::coordinator::testing
