// Inside this room only: the folder behind a BlobStore, its index, and its file calls.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "crypto/hash.h"
#include "storage/blob_store.h"

namespace cloister::storage::detail {

inline constexpr std::string_view part_suffix = ".part";    // bytes so far
inline constexpr std::string_view state_suffix = ".state";  // size, then how far they are durable

// Writes whole blocks past the page cache: what arrives is read again later or never, and filling
// fresh cache costs several times the transfer's own copying (docs/decisions/0074). What is not
// whole blocks, and file systems that have no direct writes, go the ordinary way. Its one block is
// all the memory that uploads take, however many are open.
class BlockWriter {
 public:
  BlockWriter();
  [[nodiscard]] Result<void> write(const Descriptor& file, BytesView bytes, std::uint64_t offset,
                                   const std::filesystem::path& path);

 private:
  struct Free {
    void operator()(void* memory) const;
  };
  std::unique_ptr<std::uint8_t, Free> block_;  // aligned as direct writes ask for
};

struct BlobFolder {
  struct Blob {
    MemberId owner;
    std::uint64_t size = 0;
  };
  struct Partial {
    PartialBlob blob;
    bool open = false;  // a writer has it
  };

  std::filesystem::path path;
  BlobLimits limits;
  Descriptor lock;
  Descriptor root;
  BlockWriter blocks;  // of all uploads: one thread, one write at a time
  std::map<Digest, Blob> blobs;
  std::map<Digest, Partial> partials;
  std::map<MemberId, std::uint64_t> used_by;
  std::uint64_t used = 0;

  void charge(const MemberId& owner, std::uint64_t size);
  void refund(const MemberId& owner, std::uint64_t size);

  [[nodiscard]] std::filesystem::path path_of(const MemberId& owner) const;
  // The owner's sub-folder; symbolic links are refused.
  [[nodiscard]] Result<Descriptor> open_owner(const MemberId& owner, bool create) const;
  [[nodiscard]] Error error(int error_number, std::string_view doing, const MemberId& owner) const;
  // Rebuilds the index and removes what a crash left behind.
  [[nodiscard]] Result<void> load();

 private:
  [[nodiscard]] Result<void> load_owner(const MemberId& owner);
  void load_partial(const Descriptor& folder, const MemberId& owner, const std::string& hex);
};

// The text of a .state file. Lines that a power cut tore are ignored: they have no line end.
struct PartialState {
  std::uint64_t size = 0;
  std::uint64_t durable = 0;
};
[[nodiscard]] std::string first_state_line(std::uint64_t size);
[[nodiscard]] std::string durable_line(std::uint64_t durable);
// Pure; the text may be anything. Fails unless the first line is whole.
[[nodiscard]] Result<PartialState> parse_state(std::string_view text);

// A full disk, in the words for an upload.
[[nodiscard]] Error upload_error(Error failed);
[[nodiscard]] Result<Descriptor> open_file_at(const Descriptor& folder, const std::string& name,
                                              int flags);

}  // namespace cloister::storage::detail
