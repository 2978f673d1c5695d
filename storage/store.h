// An ordered map from byte strings to byte strings, written in atomic batches.
//
// Two twins keep this contract: MemoryStore (tests, simulation) and RocksStore (disk). One suite
// tests both. Keys are ordered byte by byte, unsigned, shorter first. Key spaces are told apart by
// a leading tag byte; a digest that follows the tag makes the lookups under it fast.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace cloister::storage {

struct Entry {
  Bytes key;
  Bytes value;
  friend bool operator==(const Entry&, const Entry&) = default;
};

// Views are valid during the call. Return false to stop.
using Visitor = std::function<bool(BytesView key, BytesView value)>;

// Changes that happen together or not at all. Later changes of the same key win.
class WriteBatch {
 public:
  struct Change {
    Bytes key;
    std::optional<Bytes> value;  // none: erase
  };
  void put(BytesView key, BytesView value);
  void erase(BytesView key);
  [[nodiscard]] const std::vector<Change>& changes() const { return changes_; }
  [[nodiscard]] bool empty() const { return changes_.empty(); }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }  // keys and values

 private:
  std::vector<Change> changes_;
  std::size_t bytes_ = 0;
};

enum class Durability {
  synced,    // on the disk before write() returns: for anything that is answered or signed
  buffered,  // survives the process, not a power cut; order against other writes is kept
};

// Read access to one state. Safe from several threads.
class Reader {
 public:
  virtual ~Reader() = default;
  // None if the key is absent.
  [[nodiscard]] virtual Result<std::optional<Bytes>> get(BytesView key) const = 0;
  // Keys that start with `prefix`, in order, beginning at the first one that is >= `from` (empty
  // `from`: at the first). An empty prefix means every key.
  [[nodiscard]] virtual Result<void> scan(BytesView prefix, BytesView from,
                                          const Visitor& visit) const = 0;
  // The greatest key that starts with `prefix`, if any.
  [[nodiscard]] virtual Result<std::optional<Entry>> last(BytesView prefix) const = 0;
};

class Store : public Reader {
 public:
  // After a failed synced write the store refuses further writes with "store.read_only": whether
  // the batch reached the disk is then known only after opening again.
  [[nodiscard]] virtual Result<void> write(const WriteBatch& batch, Durability durability) = 0;
  // Former values of these keys leave the disk: slow, for erasing only. Not while a snapshot lives.
  [[nodiscard]] virtual Result<void> purge(const std::vector<Bytes>& keys) = 0;
  // The present state, unchanged by later writes. Must not outlive the store.
  [[nodiscard]] virtual std::unique_ptr<Reader> snapshot() const = 0;
};

// Up to `limit` entries under a prefix.
[[nodiscard]] Result<std::vector<Entry>> collect(const Reader& reader, BytesView prefix,
                                                 std::size_t limit);

// The smallest key greater than every key that starts with `prefix`; empty if there is none.
[[nodiscard]] Bytes after_prefix(BytesView prefix);

}  // namespace cloister::storage
