// The Store in memory: deterministic, for tests and simulation. Not for several threads.
#pragma once

#include <map>
#include <memory>

#include "storage/store.h"

namespace cloister::storage {

class MemoryStore final : public Store {
 public:
  MemoryStore() = default;

  [[nodiscard]] Result<std::optional<Bytes>> get(BytesView key) const override;
  [[nodiscard]] Result<void> scan(BytesView prefix, BytesView from,
                                  const Visitor& visit) const override;
  [[nodiscard]] Result<std::optional<Entry>> last(BytesView prefix) const override;
  [[nodiscard]] Result<void> write(const WriteBatch& batch, Durability durability) override;
  [[nodiscard]] Result<void> purge(const std::vector<Bytes>& keys) override;
  [[nodiscard]] std::unique_ptr<Reader> snapshot() const override;

  // Simulation: forgets every write since the last synced one, as a power cut may.
  void power_cut();

 private:
  using Map = std::map<Bytes, Bytes>;
  Map present_;
  std::vector<WriteBatch> unsynced_;  // newest last
  Map durable_;
};

}  // namespace cloister::storage
