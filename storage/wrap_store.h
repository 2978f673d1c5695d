// Key wraps of sealed objects, outside RocksDB and its backups: destroying a wrap shreds the
// content.
//
// One small file a wrap: <folder>/<object digest>.<reader id>. Erasing overwrites, syncs, unlinks,
// syncs. Limits, to be said to people: a copy-on-write or flash disk may keep old blocks; a backup
// of the folder keeps wraps; a reader that unwrapped a key may have kept it. Keep the folder out of
// backups, on an encrypted disk.
#pragma once

#include <filesystem>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/ids.h"
#include "base/result.h"

namespace cloister::storage {

class WrapStore {
 public:
  [[nodiscard]] static Result<WrapStore> open(const std::filesystem::path& folder);

  // Durable when it returns. The same bytes again are fine; other bytes are "wrap.exists".
  [[nodiscard]] Result<void> put(const Digest& object, const MemberId& reader, BytesView wrap);
  // "wrap.not_found" if there is none (or no more).
  [[nodiscard]] Result<Bytes> get(const Digest& object, const MemberId& reader) const;
  [[nodiscard]] Result<std::vector<MemberId>> readers(const Digest& object) const;
  // Destroys every wrap of the object and says whose; none is fine (a repeat after a crash).
  [[nodiscard]] Result<std::vector<MemberId>> erase(const Digest& object);

 private:
  explicit WrapStore(std::filesystem::path folder) : folder_(std::move(folder)) {}
  [[nodiscard]] std::filesystem::path path_of(const Digest& object, const MemberId& reader) const;
  std::filesystem::path folder_;
};

}  // namespace cloister::storage
