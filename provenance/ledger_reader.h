// How the pure ledger sees its store, and how the store's keys are laid out.
//
//   key                                             value
//   'L' be64(index)                                 leaf bytes
//   'T' level(1) be64(N)                            up to 256 x 32 bytes
//   'H' leaf hash                                   be64(index)
//   'E' SHA-256(payload)                            form(1) || rest; docs/formats.md
//   'N' be64(index)                                 RecordNote: what must outlive an erased payload
//   'A' artefact                                    "": the digest is known to the ledger
//   'F' from(32) edge(1) be64(index) to(32)         ""
//   'R' to(32) edge(1) be64(index) from(32)         ""
//   'W' hash16(actor) be64(index)                   kind(1)
//   'J' hash16(job) be64(index)                     kind(1)
//   'Y' hash16(study) be64(index)                   kind(1)
//   'O' hash16(org) be64(index)                     kind(1)
//   'K' key id(32)                                  KeyState
//   'S' hash16(member)                              be64(last sequence number) || leaf hash(32)
//   'Q' artefact(32)                                be64(index of the quarantine.set)
//   'B' batch root(32) be64(position)               entry of a prediction batch
//   'C' be64(size)                                  signed checkpoint (a note)
//   'M' "head"                                      be64(size) || root(32)
//   'M' "schema"                                    be64(1)
//   'M' "purge"                                     keys, a length byte before each, whose former
//                                                   values must still leave the disk
// hash16 = the first 16 bytes of SHA-256 of the name.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/result.h"
#include "provenance/tiles.h"

namespace cloister::provenance {

struct Put {
  Bytes key;
  Bytes value;
  friend bool operator==(const Put&, const Put&) = default;
};

class LedgerReader {
 public:
  virtual ~LedgerReader() = default;
  [[nodiscard]] virtual Result<std::optional<Bytes>> get(BytesView key) const = 0;
  // Visits the entries whose key begins with `prefix`, in ascending order of their bytes, from the
  // first that is >= `from` (empty: from the first), until `visit` answers false. The views die
  // with the call of `visit`. The same contract as storage::Reader, which is adapted in three
  // lines.
  using Visit = std::function<bool(BytesView key, BytesView value)>;
  [[nodiscard]] virtual Result<void> scan(BytesView prefix, BytesView from,
                                          const Visit& visit) const = 0;
  // The entry with the greatest key that begins with `prefix`.
  [[nodiscard]] virtual Result<std::optional<Put>> last(BytesView prefix) const = 0;
};

// The in-memory twin: for tests, simulation and the replay of exported logs.
class MemoryLedger final : public LedgerReader {
 public:
  [[nodiscard]] Result<std::optional<Bytes>> get(BytesView key) const override;
  [[nodiscard]] Result<void> scan(BytesView prefix, BytesView from,
                                  const Visit& visit) const override;
  [[nodiscard]] Result<std::optional<Put>> last(BytesView prefix) const override;
  void apply(const std::vector<Put>& puts);
  [[nodiscard]] const std::map<Bytes, Bytes>& content() const { return content_; }

 private:
  std::map<Bytes, Bytes> content_;
};

// Sees puts that are not yet durable on top of a reader, which may be another one of these (name it
// as a LedgerReader). `below` must outlive this.
class StagedLedger final : public LedgerReader {
 public:
  explicit StagedLedger(const LedgerReader& below) : below_(below) {}
  StagedLedger(const StagedLedger&) = delete;
  StagedLedger& operator=(const StagedLedger&) = delete;
  [[nodiscard]] Result<std::optional<Bytes>> get(BytesView key) const override;
  [[nodiscard]] Result<void> scan(BytesView prefix, BytesView from,
                                  const Visit& visit) const override;
  [[nodiscard]] Result<std::optional<Put>> last(BytesView prefix) const override;
  void put(Bytes key, Bytes value);
  void drop() { staged_.clear(); }
  [[nodiscard]] const std::map<Bytes, Bytes>& staged() const { return staged_; }
  [[nodiscard]] std::vector<Put> take_puts();  // and forgets them
  // All of it into a layer that is empty.
  void move_to(StagedLedger& empty) { std::swap(staged_, empty.staged_); }

 private:
  const LedgerReader& below_;
  std::map<Bytes, Bytes> staged_;
};

namespace key {
[[nodiscard]] Bytes leaf(std::uint64_t index);
[[nodiscard]] Bytes tile(const TileId& id);
[[nodiscard]] Bytes by_leaf_hash(const Digest& leaf_hash);
[[nodiscard]] Bytes envelope(const Digest& payload_hash);
[[nodiscard]] Bytes note(std::uint64_t index);
[[nodiscard]] Bytes artefact(const Digest& digest);
[[nodiscard]] Bytes named(char table, std::string_view name);  // 'W', 'J', 'Y', 'O', 'S'
[[nodiscard]] Bytes edges_from(const Digest& from);
[[nodiscard]] Bytes edges_to(const Digest& to);
[[nodiscard]] Bytes signing_key(const Digest& key_id);
[[nodiscard]] Bytes quarantine(const Digest& artefact);
[[nodiscard]] Bytes batch(const Digest& root);
[[nodiscard]] Bytes batch_entry(const Digest& root, std::uint64_t position);
[[nodiscard]] Bytes checkpoint(std::uint64_t size);
[[nodiscard]] Bytes head();
[[nodiscard]] Bytes schema();
[[nodiscard]] Bytes purge();
}  // namespace key

// Tiles out of a reader. The reader must outlive this.
class LedgerTiles final : public TileSource {
 public:
  explicit LedgerTiles(const LedgerReader& reader) : reader_(reader) {}
  [[nodiscard]] Result<Bytes> tile(const TileId& id) const override;

 private:
  const LedgerReader& reader_;
};

}  // namespace cloister::provenance
