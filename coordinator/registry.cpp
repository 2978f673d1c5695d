#include "coordinator/registry.h"

namespace cloister::coordinator {

void Registry::bind(const Member& member) {
  for (const auto& curve : curves_[member.id]) by_curve_.erase(curve);
  curves_[member.id].clear();
  for (const protocol::MemberKeys& keys : member.former) put(member, keys);
  put(member, member.keys);
}

void Registry::put(const Member& member, const protocol::MemberKeys& keys) {
  const auto sign = crypto::public_key_from_bytes(keys.sign);
  const auto curve = crypto::curve_public_key_from_bytes(keys.curve);
  if (!sign || !curve) return;  // bound for signing only: it cannot connect
  const transport::MemberEntry entry{member.id, member.role, member.site, *sign, *curve, false};
  members_.insert_or_assign(member.id, entry);
  by_curve_.insert_or_assign(*curve, entry);
  curves_[member.id].push_back(*curve);
}

void Registry::revoke(const MemberId& member) {
  const auto found = members_.find(member);
  if (found != members_.end()) found->second.revoked = true;
  for (const auto& curve : curves_[member]) {
    const auto entry = by_curve_.find(curve);
    if (entry != by_curve_.end()) entry->second.revoked = true;
  }
}

std::optional<transport::MemberEntry> Registry::find(const MemberId& member) const {
  const auto found = members_.find(member);
  if (found == members_.end()) return std::nullopt;
  return found->second;
}

std::optional<transport::MemberEntry> Registry::find_by_curve(
    const crypto::CurvePublicKey& key) const {
  const auto found = by_curve_.find(key);
  if (found == by_curve_.end()) return std::nullopt;
  return found->second;
}

}  // namespace cloister::coordinator
