// Who may connect: what the transport asks at every handshake and for every message.
#pragma once

#include <map>
#include <vector>

#include "coordinator/core/membership.h"
#include "transport/member_registry.h"

namespace cloister::coordinator {

class Registry final : public transport::MemberRegistry {
 public:
  void bind(const Member& member);
  void revoke(const MemberId& member);

  [[nodiscard]] std::optional<transport::MemberEntry> find(const MemberId& member) const override;
  [[nodiscard]] std::optional<transport::MemberEntry> find_by_curve(
      const crypto::CurvePublicKey& key) const override;

 private:
  void put(const Member& member, const protocol::MemberKeys& keys);

  std::map<MemberId, transport::MemberEntry> members_;  // newest keys
  std::map<crypto::CurvePublicKey, transport::MemberEntry> by_curve_;
  std::map<MemberId, std::vector<crypto::CurvePublicKey>> curves_;
};

}  // namespace cloister::coordinator
