// Who is a member now, as the ledger says. The coordinator's shell answers from its fold.
#pragma once

#include <optional>
#include <string>

#include "base/ids.h"
#include "crypto/curve_key.h"
#include "crypto/sign.h"
#include "protocol/roles.h"

namespace cloister::transport {

struct MemberEntry {
  MemberId member;
  protocol::Role role = protocol::Role::site_agent;
  std::string site;  // empty for members of no site
  crypto::PublicKey sign;
  crypto::CurvePublicKey curve;
  bool revoked = false;
};

// Asked at every handshake and again for every single message, so that a revocation counts from the
// next message on, even on a connection that is open already.
class MemberRegistry {
 public:
  virtual ~MemberRegistry() = default;
  // With its newest keys.
  [[nodiscard]] virtual std::optional<MemberEntry> find(const MemberId& member) const = 0;
  // With the keys that belong to this one: a member that rotates has two sets for a while.
  [[nodiscard]] virtual std::optional<MemberEntry> find_by_curve(
      const crypto::CurvePublicKey& key) const = 0;
};

}  // namespace cloister::transport
