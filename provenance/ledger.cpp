#include "provenance/ledger.h"

#include <algorithm>

#include "provenance/erasure.h"
#include "provenance/leaf.h"
#include "provenance/record_json.h"
#include "provenance/stored.h"

namespace cloister::provenance {

Result<TreeHead> ledger_head(const LedgerReader& reader) {
  const auto value = reader.get(key::head());
  if (!value) return pass(value);
  if (!*value) return TreeHead{0, empty_root()};
  if ((*value)->size() != 40) return damaged("its head has the wrong length");
  const BytesView bytes = **value;
  return TreeHead{read_be64(bytes.first(8)), digest_from_bytes(bytes.subspan(8)).value()};
}

Result<TreeHead> checked_head(const LedgerReader& reader) {
  const auto head = ledger_head(reader);
  if (!head) return head;
  const LedgerTiles tiles(reader);
  const auto range = compact_range(tiles, head->size);
  if (!range) return pass(range);
  if (range->root() != head->root) return damaged("its tiles do not give the root of its head");
  return head;
}

Result<std::optional<std::uint64_t>> index_of(const LedgerReader& reader, const Digest& leaf_hash) {
  const auto value = reader.get(key::by_leaf_hash(leaf_hash));
  if (!value) return pass(value);
  if (!*value) return std::optional<std::uint64_t>();
  if ((*value)->size() != 8) return damaged("the index of a leaf hash has the wrong length");
  return std::optional<std::uint64_t>(read_be64(**value));
}

Result<RecordNote> record_note(const LedgerReader& reader, std::uint64_t index) {
  const auto value = reader.get(key::note(index));
  if (!value) return pass(value);
  if (!*value) {
    return fail(Kind::not_found, "ledger.no_record",
                fmt::format("The ledger has no record {}.", index));
  }
  return parse_record_note(**value);
}

Result<StoredRecord> stored_record(const LedgerReader& reader, std::uint64_t index) {
  auto note = record_note(reader, index);
  if (!note) return pass(note);
  StoredRecord out{index, std::move(*note), std::nullopt, std::nullopt};
  const auto value = reader.get(key::envelope(out.note.payload_hash));
  if (!value) return pass(value);
  if (!*value) return damaged(fmt::format("the envelope of record {} is missing", index));
  auto stored = parse_stored_envelope(**value);
  if (!stored) return pass(stored);
  if (!*stored) return out;  // gone
  auto record = read_admitted_statement((*stored)->envelope.payload);
  if (!record) return damaged(fmt::format("the payload of record {} cannot be read", index));
  out.envelope = std::move((*stored)->envelope);
  out.record = std::move(*record);
  out.is_remains = (*stored)->is_remains;
  if (!out.is_remains) return out;
  auto erasure = erased_by(reader, out.note.leaf_hash);
  if (!erasure) return pass(erasure);
  out.erased = std::move(*erasure);
  return out;
}

Result<Bytes> leaf_at(const LedgerReader& reader, std::uint64_t index) {
  auto value = reader.get(key::leaf(index));
  if (!value) return pass(value);
  if (!*value) return damaged(fmt::format("the leaf {} is missing", index));
  return std::move(**value);
}

Result<bool> is_known(const LedgerReader& reader, const Digest& digest) {
  const auto artefact = reader.get(key::artefact(digest));
  if (!artefact) return pass(artefact);
  if (*artefact) return true;
  const auto index = index_of(reader, digest);
  if (!index) return pass(index);
  return index->has_value();
}

Result<bool> is_quarantined(const LedgerReader& reader, const Digest& digest) {
  const auto value = reader.get(key::quarantine(digest));
  if (!value) return pass(value);
  return value->has_value();
}

Result<std::optional<KeyState>> key_state(const LedgerReader& reader,
                                          const crypto::PublicKey& key) {
  return key_state(reader, key_digest(key));
}

Result<std::optional<KeyState>> key_state(const LedgerReader& reader, const Digest& key_id) {
  const auto value = reader.get(key::signing_key(key_id));
  if (!value) return pass(value);
  if (!*value) return std::optional<KeyState>();
  auto state = parse_key_state(**value);
  if (!state) return pass(state);
  return std::optional<KeyState>(std::move(*state));
}

Result<std::vector<KeyState>> all_keys(const LedgerReader& reader) {
  std::vector<KeyState> keys;
  std::optional<Error> error;
  auto done = reader.scan(as_bytes("K"), {}, [&](BytesView, BytesView value) {
    auto state = parse_key_state(value);
    if (!state) {
      error = state.error();
      return false;
    }
    keys.push_back(std::move(*state));
    return true;
  });
  if (!done) return pass(done);
  if (error) return tl::unexpected<Error>(*error);
  return keys;
}

Result<SignerPlace> signer_place(const LedgerReader& reader, const MemberId& member) {
  const auto value = reader.get(key::named('S', member.text()));
  if (!value) return pass(value);
  if (!*value) return SignerPlace{};
  if ((*value)->size() != 40) return damaged("a signer's place has the wrong length");
  const BytesView bytes = **value;
  return SignerPlace{read_be64(bytes.first(8)) + 1, digest_from_bytes(bytes.subspan(8)).value()};
}

Result<std::vector<std::uint64_t>> find_records(const LedgerReader& reader,
                                                const IndexQuery& query) {
  std::vector<std::uint64_t> found;
  const auto wanted = [&](std::uint8_t code) {
    return query.kinds.empty() ||
           std::any_of(query.kinds.begin(), query.kinds.end(),
                       [&](RecordKind kind) { return static_cast<std::uint8_t>(kind) == code; });
  };
  const Bytes prefix = key::named(query.table, query.name);
  auto done = reader.scan(prefix, {}, [&](BytesView key, BytesView value) {
    if (key.size() != prefix.size() + 8 || value.size() != 1) return true;
    if (wanted(value[0])) found.push_back(read_be64(key.subspan(prefix.size())));
    return found.size() < query.limit;
  });
  if (!done) return pass(done);
  return found;
}

Result<std::vector<Digest>> prove_inclusion(const LedgerReader& reader, std::uint64_t index,
                                            std::uint64_t size) {
  const LedgerTiles tiles(reader);
  return inclusion_proof(TileNodes(tiles), index, size);
}

Result<std::vector<Digest>> prove_consistency(const LedgerReader& reader, std::uint64_t old_size,
                                              std::uint64_t new_size) {
  const LedgerTiles tiles(reader);
  return consistency_proof(TileNodes(tiles), old_size, new_size);
}

Result<TlogProof> prove_record(const LedgerReader& reader, std::uint64_t index,
                               const Note& checkpoint) {
  const auto parsed = parse_checkpoint(checkpoint.text);
  if (!parsed) return pass(parsed);
  auto hashes = prove_inclusion(reader, index, parsed->head.size);
  if (!hashes) return pass(hashes);
  return TlogProof{{}, index, std::move(*hashes), checkpoint};
}

Result<std::optional<Note>> newest_checkpoint(const LedgerReader& reader) {
  const auto entry = reader.last(as_bytes("C"));
  if (!entry) return pass(entry);
  if (!*entry) return std::optional<Note>();
  auto note = parse_note(as_text((*entry)->value));
  if (!note) return damaged("its newest checkpoint cannot be read");
  return std::optional<Note>(std::move(*note));
}

Put checkpoint_put(const Checkpoint& checkpoint, const Note& note) {
  return {key::checkpoint(checkpoint.head.size), cloister::to_bytes(to_text(note))};
}

Put erase_payload(const Digest& payload_hash) { return {key::envelope(payload_hash), Bytes{0}}; }

bool is_erasure(BytesView key, BytesView value) {
  return key.front() == 'E' && value.front() == form_remains;
}

Result<std::vector<Bytes>> batch_entries(const LedgerReader& reader, const Digest& batch_root) {
  std::vector<Bytes> entries;
  auto done = reader.scan(key::batch(batch_root), {}, [&](BytesView, BytesView value) {
    entries.emplace_back(value.begin(), value.end());
    return true;
  });
  if (!done) return pass(done);
  return entries;
}

}  // namespace cloister::provenance
