#include "provenance/stored.h"

#include "crypto/hash.h"

namespace cloister::provenance {
namespace {
constexpr std::size_t note_header = 1 + 1 + 8 + 32 + 32;
constexpr std::uint8_t form_gone = 0;
constexpr std::uint8_t form_plain = 1;
constexpr std::size_t plain_header = 1 + 32 + 64;
}  // namespace

tl::unexpected<Error> damaged(std::string_view what) {
  return fail(Kind::corrupt, "ledger.damaged",
              fmt::format("The ledger's store is damaged: {}.", what),
              "Restore it from a good copy; do not let it sign anything before.");
}

Bytes to_bytes(const RecordNote& note) {
  Bytes out{static_cast<std::uint8_t>(note.kind), static_cast<std::uint8_t>(note.outcome)};
  append(out, be64(static_cast<std::uint64_t>(note.issued_at.unix_milliseconds())));
  append(out, note.payload_hash.view());
  append(out, note.leaf_hash.view());
  append(out, as_bytes(note.signer.text() + "\n" + note.org));
  return out;
}

Result<RecordNote> parse_record_note(BytesView bytes) {
  if (bytes.size() < note_header) return damaged("a record's note is too short");
  const auto kind = kind_from_code(bytes[0]);
  const std::string_view names = as_text(bytes.subspan(note_header));
  const std::size_t split = names.find('\n');
  if (!kind || bytes[1] > 2 || split == std::string_view::npos) {
    return damaged("a record's note cannot be read");
  }
  RecordNote note;
  note.kind = *kind;
  note.outcome = static_cast<Outcome>(bytes[1]);
  note.issued_at = Instant(static_cast<std::int64_t>(read_be64(bytes.subspan(2, 8))));
  note.payload_hash = digest_from_bytes(bytes.subspan(10, 32)).value();
  note.leaf_hash = digest_from_bytes(bytes.subspan(42, 32)).value();
  note.signer = MemberId::trusted(std::string(names.substr(0, split)));
  note.org = names.substr(split + 1);
  return note;
}

Bytes to_bytes(const KeyState& state) {
  Json out;
  out.set("key", to_hex(state.key.view()));
  out.set("member", state.member.text());
  out.set("org", state.org);
  if (state.revoked_at) out.set("revokedAt", *state.revoked_at);
  out.set("role", to_string(state.role));
  out.set("validFrom", state.valid_from);
  return cloister::to_bytes(to_jcs(out));
}

Result<KeyState> parse_key_state(BytesView bytes) {
  const auto json = parse_json(as_text(bytes));
  if (!json) return damaged("a key cannot be read");
  const auto key = from_hex(text_or_empty(*json, "key"));
  const auto role = role_from_name(text_or_empty(*json, "role"));
  const auto from = count_at(*json, "validFrom");
  if (!key || key->size() != 32 || !role || !from) return damaged("a key cannot be read");
  KeyState state;
  state.member = MemberId::trusted(text_or_empty(*json, "member"));
  state.role = *role;
  state.org = text_or_empty(*json, "org");
  state.key = crypto::public_key_from_bytes(*key).value();
  state.valid_from = *from;
  if (const auto revoked = count_at(*json, "revokedAt")) state.revoked_at = *revoked;
  return state;
}

Bytes to_bytes(const StoredEnvelope& stored) {
  const Envelope& envelope = stored.envelope;
  const auto& signature = envelope.signatures.front();
  Bytes out{stored.is_remains ? form_remains : form_plain};
  append(out, digest_from_hex(signature.keyid).value().view());
  append(out, signature.signature);
  append(out, envelope.payload);
  return out;
}

Result<std::optional<StoredEnvelope>> parse_stored_envelope(BytesView bytes) {
  if (bytes.empty()) return damaged("an envelope is empty");
  if (bytes[0] == form_gone) return std::optional<StoredEnvelope>();
  const bool is_remains = bytes[0] == form_remains;
  if ((bytes[0] != form_plain && !is_remains) || bytes.size() < plain_header) {
    return damaged("an envelope is in an unknown form");
  }
  EnvelopeSignature signature{to_hex(bytes.subspan(1, 32)), {}};
  std::copy_n(bytes.begin() + 33, 64, signature.signature.begin());
  const BytesView payload = bytes.subspan(plain_header);
  Envelope envelope{
      std::string(statement_payload_type), Bytes(payload.begin(), payload.end()), {signature}};
  return std::optional(StoredEnvelope{std::move(envelope), is_remains});
}

Digest key_digest(const crypto::PublicKey& key) { return crypto::sha256(crypto::spki_der(key)); }

Result<EdgeKey> parse_edge_key(BytesView key) {
  if (key.size() != 33 + 1 + 8 + 32) return damaged("an edge of the graph cannot be read");
  return EdgeKey{key[33], read_be64(key.subspan(34, 8)),
                 digest_from_bytes(key.subspan(42, 32)).value()};
}

Bytes edge_key(Bytes table_and_digest, const EdgeKey& edge) {
  table_and_digest.push_back(edge.edge);
  append(table_and_digest, be64(edge.index));
  append(table_and_digest, edge.other.view());
  return table_and_digest;
}

}  // namespace cloister::provenance
