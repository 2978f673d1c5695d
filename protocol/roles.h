// Who can be a member of a consortium. A role is bound to a key by a signed key.bound record.
#pragma once

#include <string_view>

#include "base/result.h"

namespace cloister::protocol {

enum class Role : int {
  root = 1,              // person; holds the consortium root key, certifies everybody else
  consortium_admin = 2,  // person; invites and approves members
  study_owner = 3,       // person; signs study plans and releases
  coordinator = 4,       // process; sequences the ledger, assigns jobs
  trainer = 5,           // process; opens shards, trains, predicts
  site_agent = 6,        // process at a site
  site_admin = 7,        // person at a site; operates the agent, signs its policy
  site_steward = 8,      // person at a site; approves what leaves
  auditor = 9,           // person; reads everything that may be read, changes nothing
};

// "root", "consortium-admin", "study-owner", "coordinator", "trainer", "site-agent", "site-admin",
// "site-steward", "auditor".
[[nodiscard]] std::string_view to_string(Role role);
[[nodiscard]] Result<Role> role_from_text(std::string_view text);
// A person signs with a key file of their own; a process with the key of its machine.
[[nodiscard]] bool is_person(Role role);
[[nodiscard]] bool belongs_to_site(Role role);

}  // namespace cloister::protocol
