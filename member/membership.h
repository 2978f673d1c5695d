// Who is who: the members of a consortium, from signed key.bound records, and nothing else.
//
// Trust starts at the root key whose fingerprint came with the enrolment token; the coordinator
// only carries envelopes. A binding counts if a root or a consortium-admin signed it (a root's own
// binding: if the pinned root signed it), no later key.revoked names it, and it names all three
// keys.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "crypto/curve_key.h"
#include "crypto/seal.h"
#include "crypto/sign.h"
#include "protocol/roles.h"
#include "provenance/dsse.h"
#include "provenance/record.h"

namespace cloister::member {

struct Member {
  MemberId id;
  protocol::Role role = protocol::Role::auditor;
  std::string org;   // the institution it was bound for
  std::string site;  // the same for members of a site; empty for others
  crypto::PublicKey sign;
  crypto::SealPublicKey seal;
  crypto::CurvePublicKey curve;
  Instant since;  // of these keys, as the record that binds them says
  // Signing keys before a rotation: what they signed stays signed. The ledger admits nothing new by
  // one that was revoked.
  struct Former {
    crypto::PublicKey sign;
    bool is_revoked = false;
    friend bool operator==(const Former&, const Former&) = default;
  };
  std::vector<Former> former;

  // The key of this member that signed the envelope; null if none did.
  [[nodiscard]] const crypto::PublicKey* signer_of(const provenance::Envelope& envelope) const;
  friend bool operator==(const Member&, const Member&) = default;
};

// A record whose signature was checked against a bound key, and that key's owner.
struct SignedRecord {
  provenance::Record record;
  Member signer;
  Digest leaf;  // its name in the ledger
};

class MembershipReader;

class Membership {
 public:
  Membership() = default;  // nobody
  // `root`: SHA-256 of the root key's SPKI, hexadecimal (crypto::key_id). Envelopes in any order;
  // those that no trusted key signed are passed over, so a coordinator can add nobody.
  [[nodiscard]] static Membership from(const std::string& root, std::span<const Bytes> envelopes);

  [[nodiscard]] const Member* find(const MemberId& id) const;
  [[nodiscard]] const Member* agent_of(const std::string& site) const;
  // The one coordinator, if it is bound.
  [[nodiscard]] const Member* coordinator() const;
  [[nodiscard]] const std::map<MemberId, Member>& members() const { return members_; }

  // Parses, finds the signer by the actor's id, checks signature and role. "record.signer": not
  // signed by the member it names; "record.role": its role may not write this kind.
  [[nodiscard]] Result<SignedRecord> open(BytesView envelope_json) const;

 private:
  std::map<MemberId, Member> members_;
};

}  // namespace cloister::member
