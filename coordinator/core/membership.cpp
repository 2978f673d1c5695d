#include "coordinator/core/membership.h"

#include <algorithm>

namespace cloister::coordinator {
namespace {

using provenance::RecordKind;

protocol::MemberKeys keys_of(const provenance::KeyBinding& binding) {
  const BytesView sign = binding.key.view();
  return {Bytes(sign.begin(), sign.end()), binding.seal, binding.curve};
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

bool Membership::apply(const Placed& placed) {
  const provenance::Record& record = placed.record;
  if (record.kind == RecordKind::key_revoked) return revoke(placed);
  if (record.kind != RecordKind::key_bound && record.kind != RecordKind::key_rotated) return false;
  const auto binding = provenance::key_binding_from(record.details);
  if (!binding) return false;
  Member& member = members_[binding->member];
  member.id = binding->member;
  member.role = protocol_role(binding->role);
  member.site = protocol::belongs_to_site(member.role) ? binding->org : std::string{};
  member.keys = keys_of(*binding);
  member.key_digest = provenance::member_key_digest(*binding);
  member.bound_at = placed.index;
  member.revoked_at.reset();
  member.envelopes.push_back(placed.envelope);
  touch(member, placed.index);
  return true;
}

bool Membership::revoke(const Placed& placed) {
  bool changed = false;
  for (auto& [id, member] : members_) {
    if (!member.is_active() || !revokes(placed.record, member)) continue;
    member.revoked_at = placed.index;
    member.envelopes.push_back(placed.envelope);
    touch(member, placed.index);
    changed = true;
  }
  return changed;
}

void Membership::touch(const Member& member, std::uint64_t index) {
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
  const auto found = std::find_if(members_.begin(), members_.end(), [&](const auto& entry) {
    const Member& member = entry.second;
    return member.is_active() && member.role == protocol::Role::site_agent && member.site == site;
  });
  return found == members_.end() ? nullptr : &found->second;
}

std::vector<Bytes> Membership::envelopes_for(const Member& member,
                                             const std::vector<std::string>& sites) const {
  std::vector<std::pair<std::uint64_t, const Member*>> known;
  for (const auto& [id, other] : members_) {
    // The trainer and the owner check what stewards and administrators signed; sites know each
    // other's agents, whose heads they compare.
    const bool is_needed = member.site.empty() || other.role == protocol::Role::site_agent;
    const bool shares_study =
        is_needed && std::find(sites.begin(), sites.end(), other.site) != sites.end();
    if (other.site.empty() || other.site == member.site || shares_study)
      known.emplace_back(other.bound_at, &other);
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
