// Who may connect: what the transport asks at every handshake and for every message.
#pragma once

#include <map>

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
  std::map<MemberId, transport::MemberEntry> members_;
  std::map<crypto::CurvePublicKey, MemberId> by_curve_;
};

}  // namespace cloister::coordinator
