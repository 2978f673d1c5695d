// The people of a consortium: they look at how things stand from time to time, and sign what is
// theirs to sign. They keep at it: what they signed is handed in again until it is acknowledged.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "checkers.h"
#include "coordinator/core/study.h"
#include "members.h"
#include "protocol/plan.h"
#include "sim_member.h"

namespace cloister::simulation {

struct PeopleParts {
  Timeline& timeline;
  SimNetwork& network;
  SimCoordinator& coordinator;
  Members& members;
  const Checkers& ledger;                    // what people can read of it
  std::map<std::string, SimMember*> agents;  // by site
  protocol::StudyPlan plan;
  std::string policy_text;
  std::set<std::string> by_hand;  // sites whose policy approves nothing by itself
  std::string withdraws;          // the site that takes its data back; empty: none
  Instant withdraws_at;           // or as soon afterwards as it has registered any
};

class People {
 public:
  explicit People(PeopleParts parts) : parts_(std::move(parts)) {}

  void begin();  // looks every little while, for ever
  // Why the last thing that somebody signed was refused.
  [[nodiscard]] const std::map<std::string, Error>& refusals() const { return refusals_; }

 private:
  struct Post {
    Bytes envelope;
    std::string what;
  };
  void look();
  void look_at_site(const coordinator::Study& study, const std::string& site);
  void approve_jobs(const coordinator::Study& study, const std::string& site);
  void permit(const coordinator::Study& study, const std::string& site);
  void look_as_owner(const coordinator::Study& study);
  // What an owner's tool would sign that knows no membership test, or skips it.
  void release_rashly(const coordinator::Model& model);
  [[nodiscard]] provenance::Record model_exception(const coordinator::Model& model,
                                                   const std::string& site) const;
  void withdraw(const coordinator::Study& study);
  // Signs unless this person has something on its way.
  void sign(const std::string& person, const std::string& what, provenance::Record record);
  void hand_in(const std::string& person);
  void acknowledged(const std::string& person, const Result<std::string>& answer);
  [[nodiscard]] provenance::Record record(provenance::RecordKind kind) const;
  [[nodiscard]] provenance::Record decision(const coordinator::Job& job,
                                            const std::string& decision) const;

  PeopleParts parts_;
  std::map<std::string, Post> posts_;
  std::set<std::string> done_;
  std::map<std::string, Error> refusals_;
};

}  // namespace cloister::simulation
