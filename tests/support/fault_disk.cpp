#include "tests/support/fault_disk.h"

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>
#include <rocksdb/system_clock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/file.h"

namespace cloister::test {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

namespace {

struct FileLengths {
  std::uint64_t written = 0;
  std::uint64_t synced = 0;
  bool poisoned = false;  // a sync of it failed: later ones prove nothing
};

// A new name, since the last sync of the folder. Journalling file systems keep these in order: a
// cut loses the latest ones, never an earlier one alone.
struct Naming {
  std::string from;  // empty: the file was made
  std::string to;
  std::optional<Bytes> replaced;
};

}  // namespace

// RocksDB calls from its own threads, hence the lock (the one in this tree outside base/).
struct FaultDisk::State {
  mutable std::mutex mutex;
  Faults faults;
  bool off = false;
  bool happened = false;
  std::uint64_t syncs = 0;
  std::uint64_t bytes = 0;
  std::map<std::string, FileLengths> files;
  std::vector<Naming> namings;

  IOStatus check() {
    const std::lock_guard lock(mutex);
    return off ? dead() : IOStatus::OK();
  }
  static IOStatus dead() { return IOStatus::IOError("the power is off"); }

  // Counts one sync; the caller holds the lock.
  IOStatus count_sync() {
    if (off) return dead();
    syncs += 1;
    if (syncs == faults.power_cut_at_sync) {
      off = happened = true;
      return dead();
    }
    if (syncs == faults.failing_sync) {
      happened = true;
      return IOStatus::IOError("the sync failed");
    }
    return IOStatus::OK();
  }

  IOStatus sync_file(const std::string& name) {
    const std::lock_guard lock(mutex);
    FileLengths& file = files[name];
    const IOStatus status = count_sync();
    file.poisoned = file.poisoned || !status.ok();
    if (status.ok() && !file.poisoned) file.synced = file.written;
    return status;
  }

  IOStatus sync_folder(const std::string& folder) {
    const std::lock_guard lock(mutex);
    const IOStatus status = count_sync();
    if (!status.ok()) return status;
    std::erase_if(namings, [&](const Naming& naming) {
      return std::filesystem::path(naming.to).parent_path() == std::filesystem::path(folder);
    });
    return status;
  }

  // How many of these bytes still fit.
  std::size_t take(std::size_t wanted) {
    const std::lock_guard lock(mutex);
    const std::uint64_t left = faults.full_after_bytes - std::min(bytes, faults.full_after_bytes);
    const std::size_t fits = static_cast<std::size_t>(std::min<std::uint64_t>(wanted, left));
    bytes += fits;
    if (fits < wanted) happened = true;
    return fits;
  }
};

namespace detail {

template <class DiskState>
class FaultFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  FaultFile(std::unique_ptr<rocksdb::FSWritableFile>&& file, std::string name,
            std::shared_ptr<DiskState> disk)
      : FSWritableFileOwnerWrapper(std::move(file)),
        name_(std::move(name)),
        disk_(std::move(disk)) {}

  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  IODebugContext* context) override {
    if (auto alive = disk_->check(); !alive.ok()) return alive;
    const std::size_t fits = disk_->take(data.size());
    IOStatus status = target()->Append(rocksdb::Slice(data.data(), fits), options, context);
    if (!status.ok()) return status;
    // To the operating system at once: what is kept after the cut is decided in settle().
    status = target()->Flush(options, context);
    const std::lock_guard lock(disk_->mutex);
    disk_->files[name_].written += fits;
    return fits == data.size() ? status : IOStatus::NoSpace("No space left on device");
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options,
                  const rocksdb::DataVerificationInfo& /*info*/, IODebugContext* context) override {
    return Append(data, options, context);
  }
  IOStatus Sync(const IOOptions& /*options*/, IODebugContext* /*context*/) override {
    return disk_->sync_file(name_);
  }
  IOStatus Fsync(const IOOptions& /*options*/, IODebugContext* /*context*/) override {
    return disk_->sync_file(name_);
  }
  IOStatus RangeSync(std::uint64_t /*offset*/, std::uint64_t /*size*/, const IOOptions& /*options*/,
                     IODebugContext* /*context*/) override {
    return disk_->check();
  }
  IOStatus Truncate(std::uint64_t size, const IOOptions& options,
                    IODebugContext* context) override {
    if (auto alive = disk_->check(); !alive.ok()) return alive;
    const std::lock_guard lock(disk_->mutex);
    FileLengths& file = disk_->files[name_];
    file.written = size;
    file.synced = std::min(file.synced, size);
    return target()->Truncate(size, options, context);
  }

 private:
  std::string name_;
  std::shared_ptr<DiskState> disk_;
};

template <class DiskState>
class FaultFolder final : public rocksdb::FSDirectoryWrapper {
 public:
  FaultFolder(std::unique_ptr<rocksdb::FSDirectory>&& folder, std::string name,
              std::shared_ptr<DiskState> disk)
      : FSDirectoryWrapper(std::move(folder)), name_(std::move(name)), disk_(std::move(disk)) {}
  IOStatus Fsync(const IOOptions& /*options*/, IODebugContext* /*context*/) override {
    return disk_->sync_folder(name_);
  }
  IOStatus FsyncWithDirOptions(const IOOptions& /*options*/, IODebugContext* /*context*/,
                               const rocksdb::DirFsyncOptions& /*what*/) override {
    return disk_->sync_folder(name_);
  }

 private:
  std::string name_;
  std::shared_ptr<DiskState> disk_;
};

template <class DiskState>
class FaultFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit FaultFileSystem(std::shared_ptr<DiskState> disk)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), disk_(std::move(disk)) {}
  const char* Name() const override { return "FaultFileSystem"; }

  IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* file,
                           IODebugContext* context) override {
    if (auto alive = disk_->check(); !alive.ok()) return alive;
    auto status = target()->NewWritableFile(name, options, file, context);
    if (!status.ok()) return status;
    const std::lock_guard lock(disk_->mutex);
    if (!disk_->files.contains(name)) disk_->namings.push_back({{}, name, {}});
    disk_->files[name] = {};
    file->reset(new FaultFile<DiskState>(std::move(*file), name, disk_));
    return status;
  }
  IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* file,
                              IODebugContext* context) override {
    if (auto alive = disk_->check(); !alive.ok()) return alive;
    std::error_code ignored;
    const bool there = std::filesystem::exists(name, ignored);
    auto status = target()->ReopenWritableFile(name, options, file, context);
    if (!status.ok()) return status;
    const std::lock_guard lock(disk_->mutex);
    if (!disk_->files.contains(name)) {
      const std::uint64_t size = there ? std::filesystem::file_size(name, ignored) : 0;
      disk_->files[name] = {size, size, false};
    }
    file->reset(new FaultFile<DiskState>(std::move(*file), name, disk_));
    return status;
  }
  IOStatus NewDirectory(const std::string& name, const IOOptions& options,
                        std::unique_ptr<rocksdb::FSDirectory>* folder,
                        IODebugContext* context) override {
    auto status = target()->NewDirectory(name, options, folder, context);
    if (status.ok()) {
      folder->reset(new FaultFolder<DiskState>(std::move(*folder), name, disk_));
    }
    return status;
  }
  IOStatus RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                      IODebugContext* context) override {
    if (auto alive = disk_->check(); !alive.ok()) return alive;
    std::optional<Bytes> replaced;
    if (auto before = read_file(to)) replaced = *before;
    auto status = target()->RenameFile(from, to, options, context);
    if (!status.ok()) return status;
    const std::lock_guard lock(disk_->mutex);
    disk_->files[to] = disk_->files[from];
    disk_->files.erase(from);
    disk_->namings.push_back({from, to, std::move(replaced)});
    return status;
  }
  IOStatus DeleteFile(const std::string& name, const IOOptions& options,
                      IODebugContext* context) override {
    if (auto alive = disk_->check(); !alive.ok()) return alive;
    const std::lock_guard lock(disk_->mutex);
    disk_->files.erase(name);
    return target()->DeleteFile(name, options, context);
  }

 private:
  std::shared_ptr<DiskState> disk_;
};

// RocksDB waits a second after a failed flush; a test of hundreds of failures does not.
class QuickClock final : public rocksdb::SystemClockWrapper {
 public:
  QuickClock() : SystemClockWrapper(rocksdb::SystemClock::Default()) {}
  const char* Name() const override { return "QuickClock"; }
  void SleepForMicroseconds(int microseconds) override {
    target_->SleepForMicroseconds(std::min(microseconds, 1000));
  }
};

class FaultEnv final : public rocksdb::EnvWrapper {
 public:
  explicit FaultEnv(const std::shared_ptr<rocksdb::FileSystem>& files)
      : EnvWrapper(rocksdb::NewCompositeEnv(files)) {
    file_system_ = files;
    system_clock_ = std::make_shared<QuickClock>();
  }
  void SleepForMicroseconds(int microseconds) override {
    system_clock_->SleepForMicroseconds(microseconds);
  }
};

}  // namespace detail

FaultDisk::FaultDisk(const Faults& faults) : state_(std::make_shared<State>()) {
  state_->faults = faults;
  env_ =
      std::make_shared<detail::FaultEnv>(std::make_shared<detail::FaultFileSystem<State>>(state_));
}

FaultDisk::~FaultDisk() = default;

std::shared_ptr<rocksdb::Env> FaultDisk::env() const { return env_; }

void FaultDisk::cut_power() {
  const std::lock_guard lock(state_->mutex);
  state_->off = state_->happened = true;
}

bool FaultDisk::happened() const {
  const std::lock_guard lock(state_->mutex);
  return state_->happened;
}

std::uint64_t FaultDisk::syncs() const {
  const std::lock_guard lock(state_->mutex);
  return state_->syncs;
}

namespace {

void garble(const std::string& name, std::uint64_t at, std::uint8_t with) {
  std::fstream file(name, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(static_cast<char>(with));
}

void lose_unsynced(const std::string& name, const FileLengths& file, Prng& prng) {
  std::error_code ignored;
  if (!std::filesystem::exists(name, ignored)) return;
  const std::uint64_t keep = file.synced + prng.below(file.written - file.synced + 1);
  std::filesystem::resize_file(name, keep, ignored);
  // Garbage inside a file's length is tolerated in a WAL only. In a MANIFEST RocksDB refuses to
  // open (store.corrupt), which is right: ext4 and xfs never show it, because they write data
  // before length.
  const bool is_wal = std::filesystem::path(name).extension() == ".log";
  if (is_wal && keep > file.synced && prng.chance(0.5)) {
    garble(name, file.synced + prng.below(keep - file.synced),
           static_cast<std::uint8_t>(prng.next()));
  }
}

void undo(const Naming& naming) {
  std::error_code ignored;
  if (naming.from.empty()) {
    std::filesystem::remove(naming.to, ignored);
    return;
  }
  std::filesystem::rename(naming.to, naming.from, ignored);
  if (naming.replaced && !write_file(naming.to, *naming.replaced)) std::abort();
}

}  // namespace

void FaultDisk::settle(Prng& prng) {
  const std::lock_guard lock(state_->mutex);
  std::vector<Naming>& namings = state_->namings;
  for (std::uint64_t lost = prng.below(namings.size() + 1); lost > 0; --lost) {
    const Naming& last = namings.back();
    undo(last);
    if (!last.from.empty()) state_->files[last.from] = state_->files[last.to];
    state_->files.erase(last.to);
    namings.pop_back();
  }
  for (const auto& [name, file] : state_->files) lose_unsynced(name, file, prng);
}

}  // namespace cloister::test
