// A disk that fails on purpose, under RocksDB: loses what was not synced, tears the tail of a file,
// fails a chosen sync, or is full. `kill -9` alone does not test this: the system keeps what a
// process wrote.
//
//   FaultDisk disk({.power_cut_at_sync = 12});
//   { auto store = RocksStore::open(folder, {.env = disk.env()}); ... until it fails ... }
//   disk.settle(prng);   // after the store is closed: the folder is as after the power cut
#pragma once

#include <cstdint>
#include <memory>

#include "base/prng.h"

namespace rocksdb {
class Env;
}

namespace cloister::test {

struct Faults {
  static constexpr std::uint64_t never = UINT64_MAX;
  std::uint64_t power_cut_at_sync = never;  // counted from 1, files and folders together
  std::uint64_t failing_sync = never;       // this one fails; what it covered is never durable
  std::uint64_t full_after_bytes = never;
};

class FaultDisk {
 public:
  explicit FaultDisk(const Faults& faults);
  ~FaultDisk();
  FaultDisk(const FaultDisk&) = delete;
  FaultDisk& operator=(const FaultDisk&) = delete;

  [[nodiscard]] std::shared_ptr<rocksdb::Env> env() const;
  void cut_power();                     // now; every later call fails
  [[nodiscard]] bool happened() const;  // any fault so far
  [[nodiscard]] std::uint64_t syncs() const;
  // What the disk holds after a power cut: of each file the synced part and a random piece of the
  // rest (garbled, perhaps, in a write-ahead log); the latest new names whose folder was not synced
  // may be gone.
  void settle(Prng& prng);

 private:
  struct State;
  std::shared_ptr<State> state_;
  std::shared_ptr<rocksdb::Env> env_;
};

}  // namespace cloister::test
