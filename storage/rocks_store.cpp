#include "storage/rocks_store.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/checkpoint.h>

#include <algorithm>
#include <atomic>

#include "base/file.h"
#include "base/version.h"
#include "storage/rocks_status.h"

namespace cloister::storage {
namespace {

// A tag byte and a digest: keys that begin alike this far share a bloom filter entry.
constexpr std::size_t bloom_prefix_size = 33;

rocksdb::Slice slice(BytesView bytes) {
  if (bytes.empty()) return {};  // never a null pointer
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

BytesView view(const rocksdb::Slice& slice) {
  return {reinterpret_cast<const std::uint8_t*>(slice.data()), slice.size()};
}

// Every choice is explained in storage/README.md.
rocksdb::Options options_for(const RocksOptions& ours) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.paranoid_checks = true;
  options.track_and_verify_wals_in_manifest = true;
  options.verify_sst_unique_id_in_manifest = true;
  options.flush_verify_memtable_count = true;
  options.unordered_write = false;
  options.manual_wal_flush = false;
  options.two_write_queues = false;
  options.best_efforts_recovery = false;
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  options.file_checksum_gen_factory = rocksdb::GetFileChecksumGenCrc32cFactory();
  options.write_buffer_size = ours.write_buffer_bytes;
  options.max_write_buffer_number = 2;
  options.max_background_jobs = 2;
  options.max_open_files = 256;
  options.keep_log_file_num = 2;
  options.max_log_file_size = 1 << 20;
  options.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(bloom_prefix_size));
  options.memtable_prefix_bloom_size_ratio = 0.02;
  // Batches come sorted: each key is looked for from the one before it with the same tag.
  options.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(1));
  if (ours.env) options.env = ours.env.get();

  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(ours.cache_bytes);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.cache_index_and_filter_blocks = true;  // so that memory stays flat as the ledger grows
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  // Filters and indices in pieces of a page: whole ones of a large ledger would push each other out
  // of a small cache at every lookup.
  table.index_type = rocksdb::BlockBasedTableOptions::kTwoLevelIndexSearch;
  table.partition_filters = true;
  table.pin_top_level_index_and_filter = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  return options;
}

Result<void> check_version(const std::filesystem::path& folder, bool read_only) {
  const auto path = folder / "VERSION";
  const std::string ours = fmt::format("cloister store {}\n", storage_version);
  const auto text = read_text(path, 1024);
  if (text && *text == ours) return {};
  if (text) {
    return fail(
        Kind::unsupported, "store.version",
        fmt::format("The store '{}' was written by another version of Cloister.", folder.string()),
        "Use the version that wrote it, or a newer one.");
  }
  if (text.error().kind != Kind::not_found || read_only) return pass(text);
  return write_text(path, ours);
}

struct Bounds {
  Bytes lower;
  Bytes upper;  // empty: none
  rocksdb::Slice upper_slice;
};

// `bounds` must outlive the iterator.
rocksdb::ReadOptions read_options(const Bounds& bounds, const rocksdb::Snapshot* snapshot) {
  rocksdb::ReadOptions options;
  options.snapshot = snapshot;
  if (!bounds.upper.empty()) options.iterate_upper_bound = &bounds.upper_slice;
  return options;
}

Bounds bounds_for(BytesView prefix) {
  Bounds bounds{Bytes(prefix.begin(), prefix.end()), after_prefix(prefix), {}};
  return bounds;
}

bool starts_with(const rocksdb::Slice& key, BytesView prefix) {
  return key.starts_with(slice(prefix));
}

// One state of the database: the present one, or a snapshot.
class View {
 public:
  View(rocksdb::DB& db, const rocksdb::Snapshot* snapshot, const std::filesystem::path& folder)
      : db_(db), snapshot_(snapshot), folder_(folder) {}

  [[nodiscard]] Result<std::optional<Bytes>> get(BytesView key) const {
    rocksdb::ReadOptions options;
    options.snapshot = snapshot_;
    rocksdb::PinnableSlice value;
    const auto status = db_.Get(options, db_.DefaultColumnFamily(), slice(key), &value);
    if (status.IsNotFound()) return std::optional<Bytes>();
    if (!status.ok()) return failed(status);
    const BytesView bytes = view(value);
    return std::optional<Bytes>(Bytes(bytes.begin(), bytes.end()));
  }

  [[nodiscard]] Result<void> scan(BytesView prefix, BytesView from, const Visitor& visit) const {
    Bounds bounds = bounds_for(prefix);
    bounds.upper_slice = slice(bounds.upper);
    rocksdb::ReadOptions options = read_options(bounds, snapshot_);
    // The bloom filter knows whole bloom prefixes only.
    options.total_order_seek = prefix.size() < bloom_prefix_size;
    options.prefix_same_as_start = !options.total_order_seek;
    Bytes start = std::max(bounds.lower, Bytes(from.begin(), from.end()));
    if (!starts_with(slice(start), prefix)) return {};  // `from` lies behind the prefix
    const std::unique_ptr<rocksdb::Iterator> at(db_.NewIterator(options));
    for (at->Seek(slice(start)); at->Valid(); at->Next()) {
      if (!starts_with(at->key(), prefix) || !visit(view(at->key()), view(at->value()))) break;
    }
    if (!at->status().ok()) return failed(at->status());
    return {};
  }

  [[nodiscard]] Result<std::optional<Entry>> last(BytesView prefix) const {
    Bounds bounds = bounds_for(prefix);
    bounds.upper_slice = slice(bounds.upper);
    rocksdb::ReadOptions options = read_options(bounds, snapshot_);
    options.total_order_seek = true;
    const std::unique_ptr<rocksdb::Iterator> at(db_.NewIterator(options));
    at->SeekToLast();
    if (!at->status().ok()) return failed(at->status());
    if (!at->Valid() || !starts_with(at->key(), prefix)) return std::optional<Entry>();
    const BytesView key = view(at->key());
    const BytesView value = view(at->value());
    return std::optional<Entry>(
        Entry{Bytes(key.begin(), key.end()), Bytes(value.begin(), value.end())});
  }

 private:
  [[nodiscard]] tl::unexpected<Error> failed(const rocksdb::Status& status) const {
    return tl::unexpected<Error>(store_error(status, folder_));
  }
  rocksdb::DB& db_;
  const rocksdb::Snapshot* snapshot_;
  const std::filesystem::path& folder_;
};

}  // namespace

struct RocksStore::State {
  std::filesystem::path folder;
  std::shared_ptr<rocksdb::Env> env;  // before db: must outlive it
  std::unique_ptr<rocksdb::DB> db;
  std::atomic<bool> write_failed = false;

  [[nodiscard]] View present() const { return {*db, nullptr, folder}; }
};

namespace {

class RocksSnapshot final : public Reader {
 public:
  RocksSnapshot(rocksdb::DB& db, const std::filesystem::path& folder)
      : db_(db), snapshot_(db.GetSnapshot()), view_(db, snapshot_, folder) {}
  RocksSnapshot(const RocksSnapshot&) = delete;
  RocksSnapshot& operator=(const RocksSnapshot&) = delete;
  ~RocksSnapshot() override { db_.ReleaseSnapshot(snapshot_); }

  [[nodiscard]] Result<std::optional<Bytes>> get(BytesView key) const override {
    return view_.get(key);
  }
  [[nodiscard]] Result<void> scan(BytesView prefix, BytesView from,
                                  const Visitor& visit) const override {
    return view_.scan(prefix, from, visit);
  }
  [[nodiscard]] Result<std::optional<Entry>> last(BytesView prefix) const override {
    return view_.last(prefix);
  }

 private:
  rocksdb::DB& db_;
  const rocksdb::Snapshot* snapshot_;
  View view_;
};

// RocksDB writes some files before it serves anything; where the disk is full then, Debian's build
// of it ends the process by an assertion instead of saying so.
Result<void> check_room(const std::filesystem::path& folder) {
  constexpr std::uint64_t free_bytes_min = 16ULL << 20;
  std::error_code unknown;
  const auto space = std::filesystem::space(folder, unknown);
  if (unknown || space.available >= free_bytes_min) return {};
  return fail(
      Kind::exhausted, "store.disk_full",
      fmt::format("The disk that holds '{}' is full: {} KiB are free, opening the store needs "
                  "{} KiB.",
                  folder.string(), space.available >> 10, free_bytes_min >> 10),
      "Free space on it and start again; nothing was half-written.");
}

}  // namespace

Result<std::unique_ptr<RocksStore>> RocksStore::open(const std::filesystem::path& folder,
                                                     const RocksOptions& options) {
  if (!options.read_only) {
    if (auto made = make_folder(folder); !made) return pass(made);
    if (auto room = check_room(folder); !room) return pass(room);
  }
  if (auto fits = check_version(folder, options.read_only); !fits) return pass(fits);
  auto state = std::make_unique<State>();
  state->folder = folder;
  state->env = options.env;
  rocksdb::DB* db = nullptr;
  const std::string path = (folder / "db").string();
  const rocksdb::Options theirs = options_for(options);
  const auto status = options.read_only ? rocksdb::DB::OpenForReadOnly(theirs, path, &db)
                                        : rocksdb::DB::Open(theirs, path, &db);
  if (!status.ok()) return tl::unexpected<Error>(store_error(status, folder));
  state->db.reset(db);
  return std::unique_ptr<RocksStore>(new RocksStore(std::move(state)));
}

RocksStore::RocksStore(std::unique_ptr<State> state) : state_(std::move(state)) {}
RocksStore::~RocksStore() = default;

Result<std::optional<Bytes>> RocksStore::get(BytesView key) const {
  return state_->present().get(key);
}

Result<void> RocksStore::scan(BytesView prefix, BytesView from, const Visitor& visit) const {
  return state_->present().scan(prefix, from, visit);
}

Result<std::optional<Entry>> RocksStore::last(BytesView prefix) const {
  return state_->present().last(prefix);
}

Result<void> RocksStore::write(const WriteBatch& batch, Durability durability) {
  if (state_->write_failed) {
    return fail(Kind::unavailable, "store.read_only",
                fmt::format("The store '{}' takes no more writes since one failed.",
                            state_->folder.string()),
                "Mend the disk and start this program again.");
  }
  constexpr std::size_t protection_bytes = 8;  // checks each change on its way to the disk
  rocksdb::WriteBatch theirs(batch.bytes() + 64, 0, protection_bytes, 0);
  rocksdb::Status status;
  for (const WriteBatch::Change& change : batch.changes()) {
    status = change.value ? theirs.Put(slice(change.key), slice(*change.value))
                          : theirs.Delete(slice(change.key));
    if (!status.ok()) break;
  }
  rocksdb::WriteOptions options;
  options.sync = durability == Durability::synced;
  options.disableWAL = false;
  if (status.ok()) status = state_->db->Write(options, &theirs);
  if (status.ok()) return {};
  state_->write_failed = true;
  return tl::unexpected<Error>(store_error(status, state_->folder));
}

// Flushing ends the log that still holds former values; compacting the tables that hold a key, down
// to the last level, leaves the newest one only.
Result<void> RocksStore::purge(const std::vector<Bytes>& keys) {
  rocksdb::FlushOptions flush;
  flush.wait = true;
  auto status = state_->db->Flush(flush);
  rocksdb::CompactRangeOptions options;
  options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
  for (const Bytes& key : keys) {
    if (!status.ok()) break;
    const rocksdb::Slice place = slice(key);
    status = state_->db->CompactRange(options, &place, &place);
  }
  if (status.ok()) return {};
  return tl::unexpected<Error>(store_error(status, state_->folder));
}

std::unique_ptr<Reader> RocksStore::snapshot() const {
  return std::make_unique<RocksSnapshot>(*state_->db, state_->folder);
}

Result<void> RocksStore::copy_to(const std::filesystem::path& folder) const {
  if (auto made = make_folder(folder); !made) return made;
  rocksdb::Checkpoint* raw = nullptr;
  auto status = rocksdb::Checkpoint::Create(state_->db.get(), &raw);
  const std::unique_ptr<rocksdb::Checkpoint> checkpoint(raw);
  if (status.ok()) status = checkpoint->CreateCheckpoint((folder / "db").string());
  if (!status.ok()) return tl::unexpected<Error>(store_error(status, folder));
  return check_version(folder, false);
}

}  // namespace cloister::storage
