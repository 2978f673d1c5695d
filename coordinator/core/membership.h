// Who belongs to the consortium: a fold of key.bound, key.rotated and key.revoked records.
//
// Keys are judged by the place of their record in the ledger, never by a clock. A member that was
// revoked stays listed, so that people can see it and every later request of it is refused by name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
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
  std::vector<protocol::MemberKeys> former;  // rotated, not revoked yet: still accepted
  Digest key_digest;                         // provenance::member_key_digest of its binding
  std::uint64_t bound_at = 0;                // ledger index of the newest binding
  std::uint64_t changed_at = 0;              // ledger index of the newest change of its keys
  Instant keys_since;  // when the newest keys were bound, as their signer wrote it
  std::optional<std::uint64_t> revoked_at;
  std::vector<Bytes> envelopes;  // bindings and revocations, oldest first

  [[nodiscard]] bool is_active() const { return !revoked_at; }
  friend bool operator==(const Member&, const Member&) = default;
};

// The consortium's own rules: of policy.published by a consortium administrator.
struct ConsortiumRules {
  std::uint32_t approvals = 1;  // people of the consortium who must approve a member's keys
  friend bool operator==(const ConsortiumRules&, const ConsortiumRules&) = default;
};

class Membership {
 public:
  // Reads key.*, site.enrolled and policy.published records, ignores others. Whose keys changed.
  std::vector<MemberId> apply(const Placed& placed);

  // Null if there is none. Revoked members are found too.
  [[nodiscard]] const Member* find(const MemberId& id) const;
  // Active members only.
  [[nodiscard]] const Member* agent_of(const std::string& site) const;
  [[nodiscard]] const std::map<MemberId, Member>& all() const { return members_; }

  // Envelopes that a member must know, in the order in which they were bound. A member of a site:
  // who certifies and serves everybody, its own site, the people named, and of the sites named the
  // agents. A member of no site: all who are of no site, and everybody of the sites named. Those
  // who bind and revoke keys know all.
  struct Shared {
    std::set<std::string> sites;
    std::set<MemberId> people;  // owners and trainers of its studies
  };
  [[nodiscard]] std::vector<Bytes> envelopes_for(const Member& member, const Shared& shared) const;
  [[nodiscard]] const ConsortiumRules& rules() const { return rules_; }
  // Active consortium administrators who vouched for these keys (or for this policy): site.enrolled
  // records naming the digest.
  [[nodiscard]] std::vector<MemberId> vouchers(const Digest& digest) const;
  // Whether a rotation to these keys may be signed by the member now.
  [[nodiscard]] bool may_rotate(const Member& member, const Digest& next) const;

  // Grows whenever envelopes_for(member) of a member of this site may have changed.
  [[nodiscard]] std::uint64_t version_for(const std::string& site) const;

  friend bool operator==(const Membership&, const Membership&) = default;

 private:
  friend struct FoldFields;  // writes it down and reads it again
  std::vector<MemberId> bind(const Placed& placed);
  std::vector<MemberId> revoke(const Placed& placed);
  void vouch(const Placed& placed);
  void learn_rules(const Placed& placed);
  [[nodiscard]] bool is_administrator(const MemberId& id) const;
  void touch(Member& member, std::uint64_t index);
  [[nodiscard]] std::set<MemberId> known_to(const Member& member, const Shared& shared) const;

  std::map<MemberId, Member> members_;
  std::map<std::string, MemberId> by_key_;  // signing key, hexadecimal: every one ever bound
  // By site, revoked ones too.
  std::map<std::string, std::set<MemberId>> agents_, by_site_;
  std::set<MemberId> everybodys_;  // root, administrators, coordinator
  std::map<Digest, std::set<MemberId>> vouched_;
  ConsortiumRules rules_;
  std::map<std::string, std::uint64_t> site_versions_;
  std::uint64_t version_ = 0;      // of what everybody sees
  std::uint64_t any_version_ = 0;  // of anybody
};

// The role as messages name it. Root keys write as consortium-admin.
[[nodiscard]] protocol::Role protocol_role(provenance::Role role);
[[nodiscard]] provenance::Role provenance_role(protocol::Role role);

}  // namespace cloister::coordinator
