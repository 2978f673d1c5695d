// The blob and wrap stores in memory: what is acknowledged survives a kill.
#pragma once

#include <map>

#include "coordinator/blob_desk.h"

namespace cloister::simulation {

class SimBlobs final : public coordinator::BlobDesk {
 public:
  [[nodiscard]] coordinator::BlobFacts facts() const;

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
  void forget_open() { open_.clear(); }

 private:
  struct Partial {
    std::uint64_t size = 0;
    Bytes bytes;
  };
  std::map<Digest, Bytes> blobs_;
  std::map<Digest, Partial> open_;
  std::map<std::pair<Digest, MemberId>, Bytes> wraps_;
};

}  // namespace cloister::simulation
