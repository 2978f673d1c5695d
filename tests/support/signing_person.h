// Somebody who signs records in order, for what runs the real ledger: tests and benchmarks.
#pragma once

#include <array>
#include <string>

#include "coordinator/core/membership.h"
#include "crypto/entropy.h"
#include "crypto/identity.h"
#include "protocol/roles.h"
#include "provenance/record.h"

namespace cloister::test {

struct SigningPerson {
  crypto::Identity identity;
  protocol::Role role;
  std::string org;
  std::uint64_t seq = 0;
  Digest last;
};

inline SigningPerson signing_person(const std::string& name, protocol::Role role,
                                    const std::string& org, crypto::Entropy& entropy) {
  return {crypto::generate_identity(MemberId::trusted(name), std::string(to_string(role)), entropy),
          role,
          org,
          0,
          {}};
}

// Completes the record and signs it; the person's counters move on.
inline Bytes sign_next(SigningPerson& person, provenance::Record record, crypto::Entropy& entropy) {
  std::array<std::uint8_t, 10> random{};
  entropy.fill(random);
  const Instant now = SystemClock().now();
  record.record_id = uuid_v7(now, random);
  record.issued_at = now;
  record.signer_seq = ++person.seq;
  record.prev_by_signer = person.last;
  record.actor = {person.identity.id, coordinator::provenance_role(person.role), person.org, {}};
  const auto envelope = provenance::sign_record(record, person.identity.sign).value();
  person.last = provenance::record_hash(envelope, person.identity.sign.public_key()).value();
  return to_bytes(provenance::to_json(envelope));
}

// For the root to sign: the person's keys in this role.
inline provenance::Record key_bound(const SigningPerson& person, protocol::Role role,
                                    const std::string& org, const std::string& log) {
  const auto keys = crypto::public_part(person.identity);
  provenance::KeyBinding binding;
  binding.member = person.identity.id;
  binding.role = coordinator::provenance_role(role);
  binding.org = org;
  binding.seal = Bytes(keys.seal.bytes.begin(), keys.seal.bytes.end());
  binding.curve = Bytes(keys.curve.bytes.begin(), keys.curve.bytes.end());
  binding = provenance::prove_key(binding, person.identity.sign, log);
  provenance::Record record;
  record.kind = provenance::RecordKind::key_bound;
  record.stage = "enrolment";
  record.subjects = {{person.identity.id.text(), provenance::member_key_digest(binding)}};
  record.details = provenance::to_details(binding);
  return record;
}

}  // namespace cloister::test
