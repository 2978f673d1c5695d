// Who may become a member, and how keys change: beyond the ledger's own rules.
//
//   member.taken      a known name with another role or site
//   member.approvals  fewer people of the consortium vouched for the keys than its policy asks for
//   rotate.approval   key.rotated before the consortium approved exactly these keys
//   rotate.unknown    key.rotated by nobody, or by a member whose keys were revoked
//   rotate.seal       key.rotated with another sealing key: what is sealed must stay readable
//   revoke.pinned     key.revoked of the root or the coordinator, whom every member pins
//   policy.approvals  fewer approvals than now, signed by too few people
#pragma once

#include "base/result.h"
#include "coordinator/core/membership.h"

namespace cloister::coordinator {

// key.bound and key.rotated.
[[nodiscard]] Result<void> check_keys(const provenance::Record& record,
                                      const Membership& membership);
[[nodiscard]] Result<void> check_revoked(const provenance::Record& record,
                                         const Membership& membership);
// policy.published: only those that set the consortium's own rules are looked at.
[[nodiscard]] Result<void> check_consortium_policy(const provenance::Record& record,
                                                   const Membership& membership);

}  // namespace cloister::coordinator
