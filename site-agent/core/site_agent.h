// The site's agent as a pure state machine: (event, now) -> actions.
//
// It is level-triggered: each Work that the coordinator answers is compared with what was done here
// already, and the difference is ordered. So a lost, repeated or reordered message costs nothing,
// and a restart begins with the same comparison.
//
//   the coordinator says   and here                        then
//   offered                not yet decided                 policy approves: draft job.approved;
//                                                          else wait for a person
//   approved, running      plan or trainer not certified   job.failed, nothing runs
//   approved, running      nothing runs, no product        run the worker (from its checkpoint)
//   approved, running      worker finished                 draft the product record until receipted
//   approved (release)     permit covers it                upload shards, PutWraps, transfer.sent
//   done, denied, aborted  worker runs                     stop it, forget its checkpoint
//   held                   worker runs                     stop it, keep its checkpoint
//
// One worker at a time; predictions on demand have a warm one of their own.
//
// What PersonAsked may ask, and the answers: docs/protocol.md, "Control socket". What a person
// decides comes signed and is only relayed, but for two: `forgive`, after a fork or rollback that
// they have looked into, and `stop-here`, while the coordinator is not reached.
//
// Nothing here names a patient: cases are counted, files of cases are never mentioned.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "crypto/sign.h"
#include "member/actions.h"
#include "member/link.h"
#include "site-agent/core/policy.h"

namespace cloister::site_agent {

struct AgentOptions {
  member::LinkOptions link;
  SitePolicy policy;
  std::string worker_device = "cpu";
};

class SiteAgent {
 public:
  // `key` must outlive this. `stored`: every key persisted so far; empty at first start.
  SiteAgent(AgentOptions options, const crypto::SecretKey& key, const member::Stored& stored);
  ~SiteAgent();
  SiteAgent(const SiteAgent&) = delete;
  SiteAgent& operator=(const SiteAgent&) = delete;

  [[nodiscard]] member::Actions on(const member::Event& event, Instant now);
  [[nodiscard]] std::optional<Instant> next_deadline() const;
  // Cases and patients that the next registration of data leaves out, instead of those before.
  // Where they cannot be read, no data are registered until they can.
  void leave_out(Result<std::vector<std::string>> withdrawn);

  // For simulation and status.
  [[nodiscard]] const member::Link& link() const;
  [[nodiscard]] bool is_idle() const;  // nothing runs, nothing waits to be sent
  // What must hold after every step; ensure()s it.
  void check_invariants() const;

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

}  // namespace cloister::site_agent
