// Messages that open sessions and enrol members. See protocol/messages.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/ids.h"
#include "base/time.h"
#include "protocol/roles.h"

namespace cloister::protocol {

// --- Sessions
// -------------------------------------------------------------------------------------

// First message of a connection. One live session a signer: opening closes the one before.
struct OpenSession {
  Bytes client_nonce;  // 16 bytes, returned in the answer
  std::uint32_t protocol_version = 0;
  std::string program_version;
  friend bool operator==(const OpenSession&, const OpenSession&) = default;
};
struct SessionOpened {
  Bytes client_nonce;
  Bytes session;  // 16 random bytes of the receiver; every later request carries them
  std::uint32_t protocol_version = 0;
  friend bool operator==(const SessionOpened&, const SessionOpened&) = default;
};

// --- Enrolment (own endpoint: any CURVE key, nothing else is answered there)
// -------------------------

// The public half of an identity. Secret keys never travel.
struct MemberKeys {
  Bytes sign;   // Ed25519, 32 bytes
  Bytes seal;   // X25519, 32 bytes
  Bytes curve;  // CURVE, 32 bytes
  friend bool operator==(const MemberKeys&, const MemberKeys&) = default;
};
struct Enrol {
  Bytes token_secret;  // 32 bytes, single use
  MemberId member;
  Role role = Role::site_agent;
  std::string site;  // the SiteId's text; empty for members of no site
  MemberKeys keys;
  // Ed25519 by keys.sign over protocol::enrolment_claim(...): proof of possession.
  Bytes proof;
  // By keys.sign as well, over provenance's key binding (provenance::prove_key): the consortium
  // copies it into the key.bound record, where every verifier checks it. 64 bytes.
  Bytes possession;
  friend bool operator==(const Enrol&, const Enrol&) = default;
};
struct EnrolmentState {
  // `rotate`: a member's next keys were approved; it signs key.rotated with its present key.
  enum class Step : int { waiting_for_approval = 1, enrolled = 2, refused = 3, rotate = 4 };
  Step step = Step::waiting_for_approval;
  std::string note;               // for the person who waits: whose move it is
  std::vector<Bytes> membership;  // DSSE envelopes key.bound: root, coordinator, ..., this member
  friend bool operator==(const EnrolmentState&, const EnrolmentState&) = default;
};

// A person of the consortium invites a member; only the token's hash travels.
struct Invite {
  MemberId member;
  Role role = Role::site_agent;
  std::string site;
  Digest token_hash;  // SHA-256 of the 32-byte secret
  Instant expires;
  friend bool operator==(const Invite&, const Invite&) = default;
};
struct PendingEnrolment {
  MemberId member;
  Role role = Role::site_agent;
  std::string site;
  MemberKeys keys;
  Instant asked;
  Bytes possession;  // of Enrol; the approver needs it to write key.bound
  friend bool operator==(const PendingEnrolment&, const PendingEnrolment&) = default;
};
struct ListEnrolments {
  friend bool operator==(const ListEnrolments&, const ListEnrolments&) = default;
};
struct Enrolments {
  std::vector<PendingEnrolment> pending;
  friend bool operator==(const Enrolments&, const Enrolments&) = default;
};

}  // namespace cloister::protocol
