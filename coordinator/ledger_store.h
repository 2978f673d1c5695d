// The ledger's view of a storage::Store.
#pragma once

#include "provenance/ledger_reader.h"
#include "storage/store.h"

namespace cloister::coordinator {

// The store must outlive this.
class LedgerStore final : public provenance::LedgerReader {
 public:
  explicit LedgerStore(const storage::Reader& store) : store_(store) {}
  [[nodiscard]] Result<std::optional<Bytes>> get(BytesView key) const override {
    return store_.get(key);
  }
  [[nodiscard]] Result<void> scan(BytesView prefix, BytesView from,
                                  const Visit& visit) const override {
    return store_.scan(prefix, from, visit);
  }
  [[nodiscard]] Result<std::optional<provenance::Put>> last(BytesView prefix) const override {
    auto entry = store_.last(prefix);
    if (!entry) return pass(entry);
    if (!*entry) return std::optional<provenance::Put>();
    return std::optional(provenance::Put{std::move((*entry)->key), std::move((*entry)->value)});
  }

 private:
  const storage::Reader& store_;
};

}  // namespace cloister::coordinator
