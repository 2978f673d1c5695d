// How values of the ledger are spelled. Private to this room; layouts in docs/formats.md, "Ledger".
#pragma once

#include "provenance/ledger.h"

namespace cloister::provenance {

[[nodiscard]] Bytes to_bytes(const RecordNote& note);
[[nodiscard]] Result<RecordNote> parse_record_note(BytesView bytes);

[[nodiscard]] Bytes to_bytes(const KeyState& state);
[[nodiscard]] Result<KeyState> parse_key_state(BytesView bytes);

// form(1): 1 = key id(32), signature(64), payload follow; 2 = the same, with the remains of an
// erasure as payload; 0 = gone whole. An admitted envelope has one signature, its key's id as hint,
// and the payload type of statements: nothing is lost.
struct StoredEnvelope {
  Envelope envelope;
  bool is_remains = false;
};
inline constexpr std::uint8_t form_remains = 2;
[[nodiscard]] Bytes to_bytes(const StoredEnvelope& stored);
// Nothing: gone.
[[nodiscard]] Result<std::optional<StoredEnvelope>> parse_stored_envelope(BytesView bytes);

[[nodiscard]] Digest key_digest(const crypto::PublicKey& key);  // SHA-256 of its DER SPKI

// edge(1) be64(index) other end(32), as it follows the 33 bytes of a key in 'F' and 'R'.
struct EdgeKey {
  std::uint8_t edge = 0;
  std::uint64_t index = 0;
  Digest other;
};
[[nodiscard]] Result<EdgeKey> parse_edge_key(BytesView key);
[[nodiscard]] Bytes edge_key(Bytes table_and_digest, const EdgeKey& edge);

[[nodiscard]] tl::unexpected<Error> damaged(std::string_view what);

}  // namespace cloister::provenance
