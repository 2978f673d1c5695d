// What lies in the blob store and the wrap store: facts of the disk, not of the ledger. The shell
// lists them at start and tells of every change.
#pragma once

#include <map>
#include <set>
#include <span>

#include "base/digest.h"
#include "base/ids.h"

namespace cloister::coordinator {

class BlobFacts {
 public:
  void add_blob(const Digest& blob) { blobs_.insert(blob); }
  void add_wrap(const Digest& blob, const MemberId& reader) { wraps_[blob].insert(reader); }
  void erase(const Digest& blob) {
    blobs_.erase(blob);
    wraps_.erase(blob);
  }

  [[nodiscard]] bool has_blob(const Digest& blob) const { return blobs_.contains(blob); }
  [[nodiscard]] bool has_wrap(const Digest& blob, const MemberId& reader) const {
    const auto found = wraps_.find(blob);
    return found != wraps_.end() && found->second.contains(reader);
  }
  [[nodiscard]] bool has_any_wrap(const Digest& blob) const { return wraps_.contains(blob); }
  void erase_wraps(const Digest& blob) { wraps_.erase(blob); }
  // Bytes verified and the key wrapped for this reader: the reader can open it.
  [[nodiscard]] bool can_open(const Digest& blob, const MemberId& reader) const {
    return has_blob(blob) && has_wrap(blob, reader);
  }

 private:
  std::set<Digest> blobs_;
  std::map<Digest, std::set<MemberId>> wraps_;
};

}  // namespace cloister::coordinator
