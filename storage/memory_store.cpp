#include "storage/memory_store.h"

#include <algorithm>

namespace cloister::storage {
namespace {

using Map = std::map<Bytes, Bytes>;

bool starts_with(const Bytes& key, BytesView prefix) {
  return key.size() >= prefix.size() && std::equal(prefix.begin(), prefix.end(), key.begin());
}

std::optional<Bytes> get_from(const Map& map, BytesView key) {
  const auto found = map.find(Bytes(key.begin(), key.end()));
  if (found == map.end()) return std::nullopt;
  return found->second;
}

void scan_in(const Map& map, BytesView prefix, BytesView from, const Visitor& visit) {
  const Bytes start =
      std::max(Bytes(prefix.begin(), prefix.end()), Bytes(from.begin(), from.end()));
  for (auto at = map.lower_bound(start); at != map.end(); ++at) {
    if (!starts_with(at->first, prefix) || !visit(at->first, at->second)) return;
  }
}

std::optional<Entry> last_in(const Map& map, BytesView prefix) {
  const Bytes after = after_prefix(prefix);
  auto at = after.empty() ? map.end() : map.lower_bound(after);
  if (at == map.begin()) return std::nullopt;
  --at;
  if (!starts_with(at->first, prefix)) return std::nullopt;
  return Entry{at->first, at->second};
}

void apply(Map& map, const WriteBatch& batch) {
  for (const WriteBatch::Change& change : batch.changes()) {
    if (change.value) {
      map[change.key] = *change.value;
    } else {
      map.erase(change.key);
    }
  }
}

class MemorySnapshot final : public Reader {
 public:
  explicit MemorySnapshot(Map map) : map_(std::move(map)) {}
  [[nodiscard]] Result<std::optional<Bytes>> get(BytesView key) const override {
    return get_from(map_, key);
  }
  [[nodiscard]] Result<void> scan(BytesView prefix, BytesView from,
                                  const Visitor& visit) const override {
    scan_in(map_, prefix, from, visit);
    return {};
  }
  [[nodiscard]] Result<std::optional<Entry>> last(BytesView prefix) const override {
    return last_in(map_, prefix);
  }

 private:
  Map map_;
};

}  // namespace

Result<std::optional<Bytes>> MemoryStore::get(BytesView key) const {
  return get_from(present_, key);
}

Result<void> MemoryStore::scan(BytesView prefix, BytesView from, const Visitor& visit) const {
  scan_in(present_, prefix, from, visit);
  return {};
}

Result<std::optional<Entry>> MemoryStore::last(BytesView prefix) const {
  return last_in(present_, prefix);
}

Result<void> MemoryStore::write(const WriteBatch& batch, Durability durability) {
  apply(present_, batch);
  unsynced_.push_back(batch);
  if (durability == Durability::synced) {
    for (const WriteBatch& earlier : unsynced_) apply(durable_, earlier);
    unsynced_.clear();
  }
  return {};
}

Result<void> MemoryStore::purge(const std::vector<Bytes>&) { return write({}, Durability::synced); }

std::unique_ptr<Reader> MemoryStore::snapshot() const {
  return std::make_unique<MemorySnapshot>(present_);
}

void MemoryStore::power_cut() {
  present_ = durable_;
  unsynced_.clear();
}

}  // namespace cloister::storage
