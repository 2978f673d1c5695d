// Codes that may be more than memory holds: a CodeSource in a file without a name, which is gone
// with the process. The system reads what the next step needs ahead of it, and forgets what it
// must.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "networks/segmentation.h"

namespace cloister::networks {

class ScratchCodes final : public CodeSource {
 public:
  // Changes bytes in place, in the same way when they are written and when they are read: a key
  // stream from `offset` on, a multiple of 64. Whoever destroys its key has erased the file.
  using Scramble = std::function<void(std::uint64_t offset, std::span<std::uint8_t> bytes)>;

  // Without `scramble` the bytes lie open, as the shards do that they come from. Errors:
  // "codes.scratch", where no file can be made in `folder`.
  [[nodiscard]] static Result<ScratchCodes> create(int sites, const std::filesystem::path& folder,
                                                   Scramble scramble = {});
  ScratchCodes(ScratchCodes&&) noexcept;
  ScratchCodes& operator=(ScratchCodes&&) noexcept;
  ~ScratchCodes() override;

  // Copies the pairs. Errors: as CodesInMemory::add_shard; a full disk is Kind::exhausted,
  // "codes.scratch_full", any other fault of it "codes.scratch".
  [[nodiscard]] Result<void> add_shard(int site, BytesView shard);

  [[nodiscard]] int sites() const override;
  [[nodiscard]] std::size_t samples(int site) const override;
  [[nodiscard]] int grid_height() const override;
  [[nodiscard]] int grid_width() const override;
  [[nodiscard]] Result<void> read(int site, std::size_t sample, std::span<float> image_code,
                                  std::span<float> mask_code) override;
  void expect(int site, std::size_t sample) override;

 private:
  struct File;
  explicit ScratchCodes(std::unique_ptr<File> file);
  std::unique_ptr<File> file_;
};

}  // namespace cloister::networks
