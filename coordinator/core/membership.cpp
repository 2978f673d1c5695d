#include "coordinator/core/membership.h"

#include <algorithm>

namespace cloister::coordinator {
namespace {

using provenance::RecordKind;

protocol::MemberKeys keys_of(const provenance::KeyBinding& binding) {
  const BytesView sign = binding.key.view();
  return {Bytes(sign.begin(), sign.end()), binding.seal, binding.curve};
}

// Whoever approves, renews and revokes keys.
bool certifies(protocol::Role role) {
  return role == protocol::Role::root || role == protocol::Role::consortium_admin;
}

// A revocation is about the signing key in its details and nothing else: that is what the ledger
// checked the signer's right for.
bool revokes(const provenance::Record& record, const Member& member) {
  return provenance::text_or_empty(record.details, "key") == to_hex(member.keys.sign);
}

}  // namespace

protocol::Role protocol_role(provenance::Role role) {
  return protocol::role_from_text(provenance::to_string(role)).value_or(protocol::Role::auditor);
}

provenance::Role provenance_role(protocol::Role role) {
  if (role == protocol::Role::root) return provenance::Role::consortium_admin;
  return provenance::role_from_name(protocol::to_string(role)).value_or(provenance::Role::auditor);
}

std::vector<MemberId> Membership::apply(const Placed& placed) {
  const provenance::Record& record = placed.record;
  if (record.kind == RecordKind::site_enrolled) vouch(placed);
  if (record.kind == RecordKind::policy_published) learn_rules(placed);
  if (record.kind == RecordKind::key_revoked) return revoke(placed);
  if (record.kind == RecordKind::key_bound || record.kind == RecordKind::key_rotated)
    return bind(placed);
  return {};
}

std::vector<MemberId> Membership::bind(const Placed& placed) {
  const auto binding = provenance::key_binding_from(placed.record.details);
  if (!binding) return {};
  Member& member = members_[binding->member];
  const bool rotates = placed.record.kind == RecordKind::key_rotated;
  if (rotates && member.is_active() && !member.keys.sign.empty()) {
    member.former.push_back(member.keys);
  } else {
    member.former.clear();  // bound anew: whatever there was before is not trusted any more
  }
  member.id = binding->member;
  member.role = protocol_role(binding->role);
  member.site = protocol::belongs_to_site(member.role) ? binding->org : std::string{};
  member.keys = keys_of(*binding);
  member.key_digest = provenance::member_key_digest(*binding);
  member.keys_since = placed.record.issued_at;
  member.bound_at = placed.index;
  member.revoked_at.reset();
  vouched_.erase(member.key_digest);  // used up
  member.envelopes.push_back(placed.envelope);
  by_key_[to_hex(member.keys.sign)] = member.id;
  by_site_[member.site].insert(member.id);
  if (member.role == protocol::Role::site_agent) agents_[member.site].insert(member.id);
  if (certifies(member.role) || member.role == protocol::Role::coordinator)
    everybodys_.insert(member.id);
  touch(member, placed.index);
  return {member.id};
}

std::vector<MemberId> Membership::revoke(const Placed& placed) {
  const std::string key = provenance::text_or_empty(placed.record.details, "key");
  const auto owner = by_key_.find(key);
  if (owner == by_key_.end()) return {};
  Member& member = members_.at(owner->second);
  const auto former = std::erase_if(
      member.former, [&](const protocol::MemberKeys& keys) { return to_hex(keys.sign) == key; });
  const bool ends = member.is_active() && revokes(placed.record, member);
  if (former == 0 && !ends) return {};
  if (ends) {
    member.revoked_at = placed.index;
    member.former.clear();
  }
  member.envelopes.push_back(placed.envelope);
  touch(member, placed.index);
  return {member.id};
}

bool Membership::is_administrator(const MemberId& id) const {
  const Member* member = find(id);
  return member != nullptr && member->is_active() && certifies(member->role);
}

void Membership::vouch(const Placed& placed) {
  if (!is_administrator(placed.record.actor.id)) return;
  for (const auto& subject : placed.record.subjects)
    vouched_[subject.digest].insert(placed.record.actor.id);
}

void Membership::learn_rules(const Placed& placed) {
  const provenance::Json* rules = placed.record.details.find("consortium");
  if (rules == nullptr || !is_administrator(placed.record.actor.id)) return;
  for (const auto& subject : placed.record.subjects) vouched_.erase(subject.digest);  // used up
  const auto approvals = provenance::count_at(*rules, "approvals").value_or(1);
  rules_.approvals = static_cast<std::uint32_t>(std::clamp<std::uint64_t>(approvals, 1, 16));
}

std::vector<MemberId> Membership::vouchers(const Digest& digest) const {
  std::vector<MemberId> people;
  const auto found = vouched_.find(digest);
  if (found == vouched_.end()) return people;
  for (const MemberId& id : found->second) {
    if (is_administrator(id)) people.push_back(id);
  }
  return people;
}

bool Membership::may_rotate(const Member& member, const Digest& next) const {
  const auto others = std::count_if(members_.begin(), members_.end(), [&](const auto& entry) {
    return entry.first != member.id && is_administrator(entry.first);
  });
  // The only administrator has nobody above: its present key speaks for the next one.
  if (others == 0) return true;
  const auto people = vouchers(next);
  const auto by_others = std::count_if(people.begin(), people.end(),
                                       [&](const MemberId& id) { return id != member.id; });
  return static_cast<std::uint32_t>(by_others) >= rules_.approvals;
}

void Membership::touch(Member& member, std::uint64_t index) {
  member.changed_at = index;
  // People and processes of the consortium concern everybody; agents of sites are told to the
  // members of the studies that they share with the next change there.
  any_version_ = index + 1;
  if (member.site.empty()) {
    version_ = index + 1;
  } else {
    site_versions_[member.site] = index + 1;
  }
}

const Member* Membership::find(const MemberId& id) const {
  const auto found = members_.find(id);
  return found == members_.end() ? nullptr : &found->second;
}

const Member* Membership::agent_of(const std::string& site) const {
  const auto agents = agents_.find(site);
  if (agents == agents_.end()) return nullptr;
  for (const MemberId& id : agents->second) {
    const Member& member = members_.at(id);
    if (member.is_active() && member.role == protocol::Role::site_agent && member.site == site)
      return &member;
  }
  return nullptr;
}

std::set<MemberId> Membership::known_to(const Member& member, const Shared& shared) const {
  std::set<MemberId> known;
  const auto add_all = [&](const std::map<std::string, std::set<MemberId>>& by_site,
                           const std::string& site) {
    const auto found = by_site.find(site);
    if (found != by_site.end()) known.insert(found->second.begin(), found->second.end());
  };
  add_all(by_site_, member.site);
  if (!member.site.empty()) {
    known.insert(everybodys_.begin(), everybodys_.end());
    known.insert(shared.people.begin(), shared.people.end());
  }
  // The trainer and the owner check what stewards and administrators signed; sites know each
  // other's agents, whose heads they compare.
  for (const std::string& site : shared.sites)
    add_all(member.site.empty() ? by_site_ : agents_, site);
  return known;
}

std::vector<Bytes> Membership::envelopes_for(const Member& member, const Shared& shared) const {
  std::vector<std::pair<std::uint64_t, const Member*>> known;
  if (certifies(member.role)) {
    for (const auto& [id, other] : members_) known.emplace_back(other.bound_at, &other);
  } else {
    for (const MemberId& id : known_to(member, shared)) {
      if (const Member* other = find(id)) known.emplace_back(other->bound_at, other);
    }
  }
  std::sort(known.begin(), known.end());
  std::vector<Bytes> envelopes;
  for (const auto& [index, other] : known)
    envelopes.insert(envelopes.end(), other->envelopes.begin(), other->envelopes.end());
  return envelopes;
}

std::uint64_t Membership::version_for(const std::string& site) const {
  if (site.empty()) return any_version_;
  const auto found = site_versions_.find(site);
  return found == site_versions_.end() ? version_ : std::max(version_, found->second);
}

}  // namespace cloister::coordinator
