// The Store on disk, in RocksDB. Options and their reasons: storage/README.md.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>

#include "storage/store.h"

namespace rocksdb {
class Env;
}

namespace cloister::storage {

struct RocksOptions {
  std::uint64_t cache_bytes = 16ULL << 20;        // blocks kept in memory
  std::uint64_t write_buffer_bytes = 8ULL << 20;  // per memory table, two of them
  bool read_only = false;                         // for audits of a copy
  // Where files really live; none: the disk. For fault injection in tests; kept while the store
  // lives.
  std::shared_ptr<rocksdb::Env> env;
};

class RocksStore final : public Store {
 public:
  // Opens or creates. "store.locked": another process has this folder open. "store.corrupt": bytes
  // on the disk are not what was written. "store.version": written by a newer Cloister.
  // "store.disk_full": less than 16 MiB are free.
  [[nodiscard]] static Result<std::unique_ptr<RocksStore>> open(const std::filesystem::path& folder,
                                                                const RocksOptions& options = {});
  RocksStore(const RocksStore&) = delete;
  RocksStore& operator=(const RocksStore&) = delete;
  ~RocksStore() override;

  [[nodiscard]] Result<std::optional<Bytes>> get(BytesView key) const override;
  [[nodiscard]] Result<void> scan(BytesView prefix, BytesView from,
                                  const Visitor& visit) const override;
  [[nodiscard]] Result<std::optional<Entry>> last(BytesView prefix) const override;
  [[nodiscard]] Result<void> write(const WriteBatch& batch, Durability durability) override;
  [[nodiscard]] Result<void> purge(const std::vector<Bytes>& keys) override;
  [[nodiscard]] std::unique_ptr<Reader> snapshot() const override;

  // A consistent copy of the present state in a new folder (hard links where possible).
  [[nodiscard]] Result<void> copy_to(const std::filesystem::path& folder) const;

 private:
  struct State;
  explicit RocksStore(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace cloister::storage
