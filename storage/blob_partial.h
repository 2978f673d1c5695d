// Inside this room only: one upload under way.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "storage/blob_folder.h"

namespace cloister::storage::detail {

struct OpenPartial {
  std::shared_ptr<BlobFolder> folder;
  BlobTicket ticket;
  Descriptor owner_folder;
  Descriptor part;
  Descriptor state;  // appended to
  std::uint64_t received = 0;
  std::uint64_t durable = 0;
  crypto::Sha256 hash;  // of what was received
  bool broken =
      false;  // a write or a sync failed: what is on the disk is known only after opening again
  bool done = false;  // published or thrown away

  OpenPartial() = default;
  OpenPartial(const OpenPartial&) = delete;
  OpenPartial& operator=(const OpenPartial&) = delete;
  ~OpenPartial();

  [[nodiscard]] std::string name(std::string_view suffix) const;
  [[nodiscard]] Result<void> check_usable() const;
  [[nodiscard]] Result<void> sync();
  [[nodiscard]] Result<void> publish();
  void discard();

 private:
  [[nodiscard]] Error failed(std::string_view doing);  // from errno; marks broken
};

struct OpenBlob {
  Descriptor file;
  std::uint64_t size = 0;
  std::filesystem::path path;
};

}  // namespace cloister::storage::detail
