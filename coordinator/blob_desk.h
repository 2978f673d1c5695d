// Uploads and downloads of sealed blobs and key wraps: the stores behind the core's actions. Who
// may is decided already; here only sizes, offsets and ownership are.
#pragma once

#include <map>
#include <memory>

#include "coordinator/core/blob_facts.h"
#include "protocol/blob_messages.h"
#include "storage/blob_store.h"
#include "storage/wrap_store.h"

namespace cloister::coordinator {

class BlobDesk {
 public:
  virtual ~BlobDesk() = default;
  // Starts or resumes; a blob that is there already is answered as complete.
  [[nodiscard]] virtual Result<protocol::BlobState> open_blob(const MemberId& owner,
                                                              const protocol::BlobOpen& open) = 0;
  // `payload` has the chunk's length. Complete once the whole is verified and durable.
  [[nodiscard]] virtual Result<protocol::BlobState> write_chunk(const MemberId& owner,
                                                                const protocol::BlobChunk& chunk,
                                                                BytesView payload) = 0;
  struct Read {
    protocol::BlobData data;
    Bytes bytes;
  };
  [[nodiscard]] virtual Result<Read> read(const protocol::BlobGet& get) const = 0;

  [[nodiscard]] virtual Result<void> put_wraps(const protocol::PutWraps& put) = 0;
  // Those that there are.
  [[nodiscard]] virtual Result<protocol::Wraps> get_wraps(
      const MemberId& reader, const std::vector<Digest>& blobs) const = 0;
  // Destroys the wraps of all readers; none is fine.
  [[nodiscard]] virtual Result<void> erase_wraps(const std::vector<Digest>& blobs) = 0;
};

// On the disk.
class BlobFolders final : public BlobDesk {
 public:
  [[nodiscard]] static Result<std::unique_ptr<BlobFolders>> open(const std::filesystem::path& home,
                                                                 const storage::BlobLimits& limits);
  // What is there now, for the core.
  [[nodiscard]] Result<BlobFacts> facts() const;

  [[nodiscard]] Result<protocol::BlobState> open_blob(const MemberId& owner,
                                                      const protocol::BlobOpen& open) override;
  [[nodiscard]] Result<protocol::BlobState> write_chunk(const MemberId& owner,
                                                        const protocol::BlobChunk& chunk,
                                                        BytesView payload) override;
  [[nodiscard]] Result<Read> read(const protocol::BlobGet& get) const override;
  [[nodiscard]] Result<void> put_wraps(const protocol::PutWraps& put) override;
  [[nodiscard]] Result<protocol::Wraps> get_wraps(const MemberId& reader,
                                                  const std::vector<Digest>& blobs) const override;
  [[nodiscard]] Result<void> erase_wraps(const std::vector<Digest>& blobs) override;

 private:
  struct Upload {
    MemberId owner;
    std::uint64_t size;
    storage::BlobWriter writer;
  };
  BlobFolders(std::unique_ptr<storage::BlobStore> blobs, storage::WrapStore wraps)
      : blobs_(std::move(blobs)), wraps_(std::move(wraps)) {}
  [[nodiscard]] protocol::BlobState state_of(const Digest& digest, const Upload& upload) const;

  std::unique_ptr<storage::BlobStore> blobs_;
  storage::WrapStore wraps_;
  std::map<Digest, Upload> uploads_;
};

}  // namespace cloister::coordinator
