#include "coordinator/registry.h"

namespace cloister::coordinator {

void Registry::bind(const Member& member) {
  const auto sign = crypto::public_key_from_bytes(member.keys.sign);
  const auto curve = crypto::curve_public_key_from_bytes(member.keys.curve);
  if (!sign || !curve) return;  // bound for signing only: it cannot connect
  const auto old = members_.find(member.id);
  if (old != members_.end()) by_curve_.erase(old->second.curve);
  members_.insert_or_assign(
      member.id, transport::MemberEntry{member.id, member.role, member.site, *sign, *curve, false});
  by_curve_.insert_or_assign(*curve, member.id);
}

void Registry::revoke(const MemberId& member) {
  const auto found = members_.find(member);
  if (found != members_.end()) found->second.revoked = true;
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
  return find(found->second);
}

}  // namespace cloister::coordinator
