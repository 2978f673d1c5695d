// A store in memory that refuses to write when it is told to.
#pragma once

#include "storage/memory_store.h"

namespace cloister::coordinator::testing {

class FailingStore final : public storage::Store {
 public:
  bool fails = false;
  void power_cut() { store_.power_cut(); }

  [[nodiscard]] Result<std::optional<Bytes>> get(BytesView key) const override {
    return store_.get(key);
  }
  [[nodiscard]] Result<void> scan(BytesView prefix, BytesView from,
                                  const storage::Visitor& visit) const override {
    return store_.scan(prefix, from, visit);
  }
  [[nodiscard]] Result<std::optional<storage::Entry>> last(BytesView prefix) const override {
    return store_.last(prefix);
  }
  [[nodiscard]] Result<void> write(const storage::WriteBatch& batch,
                                   storage::Durability durability) override {
    if (fails) return fail(Kind::unavailable, "test.fails", "No.");
    return store_.write(batch, durability);
  }
  [[nodiscard]] Result<void> purge(const std::vector<Bytes>& keys) override {
    return store_.purge(keys);
  }
  [[nodiscard]] std::unique_ptr<storage::Reader> snapshot() const override {
    return store_.snapshot();
  }

 private:
  storage::MemoryStore store_;
};

}  // namespace cloister::coordinator::testing
