// Who belongs to the consortium: a fold of key.bound, key.rotated and key.revoked records.
//
// Keys are judged by the place of their record in the ledger, never by a clock. A member that was
// revoked stays listed, so that people can see it and every later request of it is refused by name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/result.h"
#include "coordinator/core/placed.h"
#include "protocol/roles.h"
#include "protocol/session_messages.h"

namespace cloister::coordinator {

struct Member {
  MemberId id;
  protocol::Role role = protocol::Role::auditor;
  std::string site;  // empty: of no site
  protocol::MemberKeys keys;
  Digest key_digest;           // provenance::member_key_digest of its binding
  std::uint64_t bound_at = 0;  // ledger index of the newest binding
  std::optional<std::uint64_t> revoked_at;
  std::vector<Bytes> envelopes;  // bindings and revocations, oldest first

  [[nodiscard]] bool is_active() const { return !revoked_at; }
};

class Membership {
 public:
  // Reads key.* records, ignores others. True if the membership changed.
  bool apply(const Placed& placed);

  // Null if there is none. Revoked members are found too.
  [[nodiscard]] const Member* find(const MemberId& id) const;
  // Active members only.
  [[nodiscard]] const Member* agent_of(const std::string& site) const;
  [[nodiscard]] const std::map<MemberId, Member>& all() const { return members_; }

  // Envelopes that a member must know: people and processes of the consortium, everybody of its own
  // site, and of the sites named the agents, or everybody if the member is of no site.
  [[nodiscard]] std::vector<Bytes> envelopes_for(const Member& member,
                                                 const std::vector<std::string>& sites) const;
  // Grows whenever envelopes_for(member) of a member of this site may have changed.
  [[nodiscard]] std::uint64_t version_for(const std::string& site) const;

 private:
  bool revoke(const Placed& placed);
  void touch(const Member& member, std::uint64_t index);

  std::map<MemberId, Member> members_;
  std::map<std::string, std::uint64_t> site_versions_;
  std::uint64_t version_ = 0;      // of what everybody sees
  std::uint64_t any_version_ = 0;  // of anybody
};

// The role as messages name it. Root keys write as consortium-admin.
[[nodiscard]] protocol::Role protocol_role(provenance::Role role);
[[nodiscard]] provenance::Role provenance_role(protocol::Role role);

}  // namespace cloister::coordinator
