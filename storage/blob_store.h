// Content-addressed files: sealed shards, models, reports. Named by the SHA-256 of their bytes.
//
// Layout: <folder>/<owner>/<64 hex digits>, plus `.part` and `.state` while an upload is under way.
// No name ever comes from a peer; symbolic links are not followed. A blob is visible only once its
// size and digest are verified and its bytes are on the disk. An unfinished upload survives a
// restart or a power cut and goes on at its last durable byte. One owner is charged for each blob:
// who brought it first.
//
// One process a folder (checked by a lock file); one thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/ids.h"
#include "base/result.h"

namespace cloister::storage {

struct BlobLimits {
  std::uint64_t total_bytes = 1ULL << 40;
  std::uint64_t owner_bytes = 256ULL << 30;
  std::uint64_t blob_bytes = 64ULL << 30;
  std::size_t partials_per_owner = 64;           // uploads under way
  std::uint64_t sync_every_bytes = 16ULL << 20;  // a power cut repeats at most this much
};

struct BlobTicket {
  Digest digest;  // of the whole
  std::uint64_t size = 0;
  MemberId owner;
};

struct PartialBlob {
  BlobTicket ticket;
  std::uint64_t durable = 0;  // bytes safely on the disk
};

namespace detail {
struct BlobFolder;
struct OpenBlob;
struct OpenPartial;
}  // namespace detail

// Reads a finished blob. Stays valid when the blob is erased meanwhile.
class BlobReader {
 public:
  BlobReader(BlobReader&&) noexcept;
  BlobReader& operator=(BlobReader&&) noexcept;
  ~BlobReader();
  [[nodiscard]] std::uint64_t size() const;
  // Bytes from `offset`: exactly `count`, or fewer at the end of the blob.
  [[nodiscard]] Result<Bytes> read(std::uint64_t offset, std::size_t count) const;

 private:
  friend class BlobStore;
  explicit BlobReader(std::unique_ptr<detail::OpenBlob> open);
  std::unique_ptr<detail::OpenBlob> open_;
};

// One upload. Destroying it unfinished keeps what is durable for a later begin().
class BlobWriter {
 public:
  BlobWriter(BlobWriter&&) noexcept;
  BlobWriter& operator=(BlobWriter&&) noexcept;
  ~BlobWriter();
  // The offset of the next byte wanted; after begin(), where to resume.
  [[nodiscard]] std::uint64_t received() const;
  // Bytes that a power cut cannot take back.
  [[nodiscard]] std::uint64_t durable() const;
  // Chunks come in order. One that lies wholly below received() is accepted and ignored (a repeat);
  // a gap is "blob.gap". After "blob.disk_full" the upload can go on
  // later, with a new begin().
  [[nodiscard]] Result<void> write(std::uint64_t offset, BytesView chunk);
  [[nodiscard]] Result<void> sync();
  // Verifies size and digest and makes the blob visible. "blob.digest": the bytes are not what was
  // announced; the upload is thrown away.
  [[nodiscard]] Result<void> finish();

 private:
  friend class BlobStore;
  explicit BlobWriter(std::unique_ptr<detail::OpenPartial> open);
  std::unique_ptr<detail::OpenPartial> open_;
};

class BlobStore {
 public:
  // Makes the folder if needed and clears what a crash left behind.
  [[nodiscard]] static Result<std::unique_ptr<BlobStore>> open(const std::filesystem::path& folder,
                                                               const BlobLimits& limits = {});
  BlobStore(const BlobStore&) = delete;
  BlobStore& operator=(const BlobStore&) = delete;
  ~BlobStore();

  [[nodiscard]] bool exists(const Digest& digest) const;
  [[nodiscard]] Result<std::uint64_t> size(const Digest& digest) const;
  [[nodiscard]] Result<MemberId> owner(const Digest& digest) const;
  [[nodiscard]] Result<BlobReader> read(const Digest& digest) const;

  // Starts or resumes. The full size is reserved against the quotas ("blob.quota"). "blob.exists"
  // if it is there already, "blob.busy" if another writer has it open. The store must outlive the
  // writer.
  [[nodiscard]] Result<BlobWriter> begin(const BlobTicket& ticket);
  // Small content in one go; putting what is there already is fine.
  [[nodiscard]] Result<Digest> put(BytesView content, const MemberId& owner);

  [[nodiscard]] std::vector<PartialBlob> partials() const;
  [[nodiscard]] Result<void> abandon(const Digest& digest);  // drops an unfinished upload
  [[nodiscard]] Result<void> erase(const Digest& digest);
  // Bytes charged to an owner, reservations included.
  [[nodiscard]] std::uint64_t used_by(const MemberId& owner) const;
  [[nodiscard]] std::uint64_t used() const;
  // Every finished blob, in the order of digests.
  [[nodiscard]] std::vector<BlobTicket> blobs() const;
  // Reads the whole blob again and compares. "blob.corrupt" if the disk changed it.
  [[nodiscard]] Result<void> check(const Digest& digest) const;

 private:
  [[nodiscard]] Result<void> reserve(const BlobTicket& ticket);
  explicit BlobStore(std::shared_ptr<detail::BlobFolder> folder);
  std::shared_ptr<detail::BlobFolder> folder_;
};

}  // namespace cloister::storage
