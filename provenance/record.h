// Records: one step of a study's life as a typed value, and its form as an in-toto Statement v1.
//
// A record never holds a patient identifier: raw items appear as HMAC-SHA-256 commitments under a
// secret of the site. Digests of things are SHA-256; a record itself is named by its leaf hash.
//
// Statement: {"_type","subject":[{name,digest:{sha256}}],"predicateType","predicate":{common}} in
// JCS spelling. `train.completed` is SLSA provenance v1, with the common fields in its extension
// field `cloister_record`. Layout: docs/formats.md, "Records".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "provenance/dsse.h"
#include "provenance/json.h"
#include "provenance/kinds.h"

namespace cloister::provenance {

inline constexpr std::size_t record_subjects_max = 4096;
inline constexpr std::size_t record_inputs_max = 4096;
inline constexpr std::size_t record_approvals_max = 64;
inline constexpr std::size_t record_text_max = 4096;  // bytes of any single text field
inline constexpr std::size_t record_details_bytes_max = 256U << 10;

struct Subject {
  std::string name;
  Digest digest;
  friend bool operator==(const Subject&, const Subject&) = default;
};

struct Input {
  std::string role;  // "image-encoder", "encoded-dataset", "plan", ...
  std::string name;
  Digest digest;  // of an artefact, or the leaf hash of a record
  std::optional<std::uint64_t> leaf_index;
  friend bool operator==(const Input&, const Input&) = default;
};

struct Actor {
  MemberId id;  // the signer
  Role role = Role::auditor;
  std::string org;           // the site or institution; id-like
  std::string on_behalf_of;  // a person, if a machine acts under a standing approval; may be empty
  friend bool operator==(const Actor&, const Actor&) = default;
};

struct PolicyRef {
  std::string uri;
  Digest sha256;
  friend bool operator==(const PolicyRef&, const PolicyRef&) = default;
};

// GB/T 39725: level 1 (public) to 5, category 1 to 6.
struct Classification {
  int level = 0;
  int category = 0;
  bool personal = false;
  std::string deidentification;
  friend bool operator==(const Classification&, const Classification&) = default;
};

// One measured privacy indicator of the gate.
struct Indicator {
  std::string name;
  double value = 0;
  double threshold = 0;
  Digest test_digest;  // of the test's report or code
  bool pass = false;
  friend bool operator==(const Indicator&, const Indicator&) = default;
};

struct Protection {
  Digest encoder;
  std::vector<Indicator> indicators;
  std::optional<double> dp_epsilon;
  std::string cipher;
  friend bool operator==(const Protection&, const Protection&) = default;
};

struct CrossBorder {
  std::string from;
  std::string to;
  std::string basis;
  friend bool operator==(const CrossBorder&, const CrossBorder&) = default;
};

enum class Outcome : std::uint8_t { ok, fail, denied };

struct Record {
  RecordKind kind = RecordKind::access_logged;
  std::string record_id;         // UUIDv7
  std::uint64_t signer_seq = 0;  // 1 for a signer's first record, then +1
  Digest prev_by_signer;         // leaf hash of this signer's last record; zero for the first
  Instant issued_at;
  std::string stage;  // "encoding", "training", ...: free word of the study's life
  Actor actor;
  StudyId study;  // empty: none
  JobId job;      // empty: none
  std::optional<PolicyRef> policy;
  std::string purpose;
  std::string legal_basis;
  std::vector<Input> inputs;
  std::vector<Digest> approvals;  // leaf hashes
  std::optional<Classification> classification;
  std::optional<Protection> protection;
  std::vector<std::string> recipients;  // key ids or member names
  std::optional<CrossBorder> cross_border;
  std::string retention_until;  // RFC 3339 date, or empty
  Outcome outcome = Outcome::ok;
  std::string reason;             // for outcomes that are not ok
  std::vector<Subject> subjects;  // at least one; see Subjects in kinds.h
  Json details = Json::object();  // what this kind adds; see docs/formats.md
  friend bool operator==(const Record&, const Record&) = default;
};

[[nodiscard]] std::string predicate_type(RecordKind kind);
// The statement's JCS bytes: the payload of the envelope. Checks limits and required fields.
[[nodiscard]] Result<Bytes> to_statement(const Record& record);
// Errors "record.format", "record.kind", "record.limit" and those of parse_json. Unknown fields of
// the predicate are refused: what we do not understand we do not admit.
[[nodiscard]] Result<Record> parse_statement(BytesView payload);

[[nodiscard]] Result<Envelope> sign_record(const Record& record, const crypto::SecretKey& key);
// The leaf hash that this envelope will have in the log: its name everywhere.
[[nodiscard]] Result<Digest> record_hash(const Envelope& envelope, const crypto::PublicKey& key);

// Details of key.bound / key.rotated: who the key belongs to, and proof that its holder has it.
struct KeyBinding {
  MemberId member;
  Role role = Role::auditor;
  std::string org;
  crypto::PublicKey key{};         // signs records
  Bytes seal;                      // X25519 key that others seal to: 32 bytes, or none
  Bytes curve;                     // CURVE key of its connections: 32 bytes, or none
  crypto::Signature possession{};  // by the bound signing key, over all of the above
  friend bool operator==(const KeyBinding&, const KeyBinding&) = default;
};
// SHA-256(sign || seal || curve): the subject of the binding record.
[[nodiscard]] Digest member_key_digest(const KeyBinding& binding);
// Fills in `key` and `possession`. `log_origin` ties the proof to one consortium's log.
[[nodiscard]] KeyBinding prove_key(KeyBinding binding, const crypto::SecretKey& key,
                                   std::string_view log_origin);
[[nodiscard]] bool proves_possession(const KeyBinding& binding, std::string_view log_origin);
// {"curve","key","member","org","possession","role","seal"}: keys and proof in hexadecimal.
[[nodiscard]] Json to_details(const KeyBinding& binding);
[[nodiscard]] Result<KeyBinding> key_binding_from(const Json& details);

// Details of permit.granted. A release lets named things leave once; a standing permit lets things
// of its purposes leave until it is revoked or runs out; an exception names indicators that the
// gate failed, and never opens anything by itself.
struct Permit {
  enum class Type : std::uint8_t { release, standing, exception };
  Type type = Type::release;
  std::vector<std::string> purposes;  // "training", "evaluation", "prediction", ...
  std::string recipient;              // member
  std::string recipient_key;          // key id of the seal key that the codes are sealed to
  std::vector<Indicator> indicators;  // exception: what was failed, with the values that were seen
  std::string reason;
  friend bool operator==(const Permit&, const Permit&) = default;
};
[[nodiscard]] Json to_details(const Permit& permit);
[[nodiscard]] Result<Permit> permit_from(const Json& details);

}  // namespace cloister::provenance
