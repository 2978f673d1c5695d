// Reading a ledger: heads, records, keys, proofs. Pure functions over a LedgerReader.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "provenance/kinds.h"
#include "provenance/ledger_reader.h"
#include "provenance/proof.h"
#include "provenance/record.h"

namespace cloister::provenance {

// What is kept of a record beside its envelope, so that lineage survives an erased payload.
struct RecordNote {
  RecordKind kind = RecordKind::access_logged;
  Outcome outcome = Outcome::ok;
  Instant issued_at;
  Digest payload_hash;
  Digest leaf_hash;
  MemberId signer;
  std::string org;
  friend bool operator==(const RecordNote&, const RecordNote&) = default;
};

// The record under which somebody erased the words of another one.
struct ErasedBy {
  std::uint64_t index = 0;
  MemberId signer;
  std::string org;
  Instant at;
  friend bool operator==(const ErasedBy&, const ErasedBy&) = default;
};

// A record as the ledger holds it.
struct StoredRecord {
  std::uint64_t index = 0;
  RecordNote note;
  std::optional<Envelope> envelope;  // nothing: the payload is gone whole
  std::optional<Record> record;
  // Envelope and record are what an erasure left (erasure.h): their signature cannot be checked.
  bool is_remains = false;
  std::optional<ErasedBy> erased;
};

struct KeyState {
  MemberId member;
  Role role = Role::auditor;
  std::string org;
  crypto::PublicKey key{};
  std::uint64_t valid_from = 0;             // ledger index; usable by records after it
  std::optional<std::uint64_t> revoked_at;  // records at this index and later are refused
  friend bool operator==(const KeyState&, const KeyState&) = default;
};

[[nodiscard]] Result<TreeHead> ledger_head(const LedgerReader& reader);
// The head after checking that the tiles give its root: what a coordinator does when it starts.
[[nodiscard]] Result<TreeHead> checked_head(const LedgerReader& reader);

[[nodiscard]] Result<std::optional<std::uint64_t>> index_of(const LedgerReader& reader,
                                                            const Digest& leaf_hash);
[[nodiscard]] Result<RecordNote> record_note(const LedgerReader& reader, std::uint64_t index);
[[nodiscard]] Result<StoredRecord> stored_record(const LedgerReader& reader, std::uint64_t index);
[[nodiscard]] Result<Bytes> leaf_at(const LedgerReader& reader, std::uint64_t index);
// Artefact or record.
[[nodiscard]] Result<bool> is_known(const LedgerReader& reader, const Digest& digest);
[[nodiscard]] Result<bool> is_quarantined(const LedgerReader& reader, const Digest& digest);

[[nodiscard]] Result<std::optional<KeyState>> key_state(const LedgerReader& reader,
                                                        const crypto::PublicKey& key);
// `key_id`: SHA-256 of its DER SPKI, as envelopes hint at it.
[[nodiscard]] Result<std::optional<KeyState>> key_state(const LedgerReader& reader,
                                                        const Digest& key_id);
[[nodiscard]] Result<std::vector<KeyState>> all_keys(const LedgerReader& reader);

// What a signer must write next: sequence number and hash of its last record.
struct SignerPlace {
  std::uint64_t next_seq = 1;
  Digest last;
  friend bool operator==(const SignerPlace&, const SignerPlace&) = default;
};
[[nodiscard]] Result<SignerPlace> signer_place(const LedgerReader& reader, const MemberId& member);

// Indices of records in one of the tables 'W' (actor), 'J' (job), 'Y' (study), 'O' (organisation),
// ascending; `kinds` empty means all.
struct IndexQuery {
  char table = 'Y';
  std::string_view name;
  std::vector<RecordKind> kinds;
  std::size_t limit = SIZE_MAX;
};
[[nodiscard]] Result<std::vector<std::uint64_t>> find_records(const LedgerReader& reader,
                                                              const IndexQuery& query);

[[nodiscard]] Result<std::vector<Digest>> prove_inclusion(const LedgerReader& reader,
                                                          std::uint64_t index, std::uint64_t size);
[[nodiscard]] Result<std::vector<Digest>> prove_consistency(const LedgerReader& reader,
                                                            std::uint64_t old_size,
                                                            std::uint64_t new_size);
// The proof file of one record against a checkpoint of this ledger.
[[nodiscard]] Result<TlogProof> prove_record(const LedgerReader& reader, std::uint64_t index,
                                             const Note& checkpoint);

// Checkpoints: the newest stored one, and the put that stores one. Sign only what is durable.
[[nodiscard]] Result<std::optional<Note>> newest_checkpoint(const LedgerReader& reader);
[[nodiscard]] Put checkpoint_put(const Checkpoint& checkpoint, const Note& note);

// Replaces a payload by a tombstone; leaf, proofs and edges stay. No command does so: erasure.h
// erases words and keeps what programs act on. For payloads that are lost.
[[nodiscard]] Put erase_payload(const Digest& payload_hash);
// Whether this put erases the words of a record: what it replaces must leave the disk.
[[nodiscard]] bool is_erasure(BytesView key, BytesView value);

// The entries of a prediction batch, in order.
[[nodiscard]] Result<std::vector<Bytes>> batch_entries(const LedgerReader& reader,
                                                       const Digest& batch_root);

}  // namespace cloister::provenance
