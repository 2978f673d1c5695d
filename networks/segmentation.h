// The pooled network: image code to mask code. The trainer sees codes only.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "networks/encoders.h"
#include "networks/job.h"
#include "networks/slices.h"

namespace cloister::networks {

// Where training pairs come from: memory, or a scratch file (networks/scratch_codes.h). Sites are
// numbered from 0 in the order of the plan. Called from one thread at a time, not always the same.
class CodeSource {
 public:
  virtual ~CodeSource() = default;
  [[nodiscard]] virtual int sites() const = 0;
  [[nodiscard]] virtual std::size_t samples(int site) const = 0;
  // Height and width of the code grid; channels are `code_channels`.
  [[nodiscard]] virtual int grid_height() const = 0;
  [[nodiscard]] virtual int grid_width() const = 0;
  // Copies one standardised pair, each 128 * grid_height * grid_width floats.
  [[nodiscard]] virtual Result<void> read(int site, std::size_t sample, std::span<float> image_code,
                                          std::span<float> mask_code) = 0;
  // This one will be read soon.
  virtual void expect(int, std::size_t) {}
};

struct CodePairs;  // networks/views.h

// The grid that all shards of a study share; the first one fixes it.
struct CodeGrid {
  int height = 0;
  int width = 0;
  [[nodiscard]] std::size_t floats() const {  // of one code
    return static_cast<std::size_t>(code_channels) * static_cast<std::size_t>(height) *
           static_cast<std::size_t>(width);
  }
};
// A shard of that grid. Errors: as read_code_shard; Kind::conflict "codes.grid" for another one.
[[nodiscard]] Result<CodePairs> read_shard_of(CodeGrid& grid, BytesView shard);

// Opened shards held as F16 in memory. One shard is one patient of one site.
class CodesInMemory final : public CodeSource {
 public:
  explicit CodesInMemory(int sites);
  // Copies the pairs. Errors: as read_shard_of.
  [[nodiscard]] Result<void> add_shard(int site, BytesView shard);

  [[nodiscard]] int sites() const override;
  [[nodiscard]] std::size_t samples(int site) const override;
  [[nodiscard]] int grid_height() const override { return grid_.height; }
  [[nodiscard]] int grid_width() const override { return grid_.width; }
  [[nodiscard]] Result<void> read(int site, std::size_t sample, std::span<float> image_code,
                                  std::span<float> mask_code) override;

 private:
  CodeGrid grid_;
  std::vector<std::vector<std::uint16_t>> image_codes_;  // by site
  std::vector<std::vector<std::uint16_t>> mask_codes_;
};

enum class Pooling {
  plain,    // `paper`: one network, sites not told apart
  adapted,  // 1x1 in and out adapters and batch-norm per site around a shared core
  guided,   // as adapted, and the loss looks through each site's mask decoder: needs the decoders,
            // so the trainer can read masks; only for studies that consented
};
[[nodiscard]] Result<Pooling> parse_pooling(std::string_view text);
[[nodiscard]] std::string_view to_string(Pooling pooling);

struct SegmentationOptions {
  Pooling pooling = Pooling::adapted;
  int levels = 2;       // up-samplings: 1..4, channels 128 -> 64 -> 32 -> 16 -> 8
  int grid_blocks = 0;  // extra residual blocks on the code grid; 0 in `paper`
  TrainingRecipe recipe;
  std::uint64_t seed = 1;  // public
  // Written into the network, so that it says itself which place is whose: in the order of the
  // codes' sites. No commas.
  std::vector<std::string> site_names;
  double guidance = 1.0;            // `guided`: weight of cross-entropy + Dice beside the MSE
  int guidance_batch = 4;           // `guided`: items of each batch that are decoded, at most
  double code_noise = 0.1;          // added to input codes
  double channel_drop_percent = 0;  // input channels zeroed
};

struct TrainedSegmentation {
  Bytes network;
  double final_loss = 0;          // MSE on standardised codes, mean over the last steps
  std::vector<double> site_loss;  // by site, on the last steps
};

// `mask_decoders`: by site, for `guided` only (else Kind::invalid "segmentation.decoders"). What is
// aimed at is what each decoder makes of the true mask codes: masks themselves are not needed.
[[nodiscard]] Result<TrainedSegmentation> train_segmentation(
    CodeSource& codes, const SegmentationOptions& options, const Job& job,
    const std::vector<Bytes>& mask_decoders = {});

// A loaded pooled network, for serving. One thread.
class SegmentationNetwork {
 public:
  [[nodiscard]] static Result<SegmentationNetwork> load(BytesView network, const Compute& compute);
  SegmentationNetwork(SegmentationNetwork&&) noexcept;
  SegmentationNetwork& operator=(SegmentationNetwork&&) noexcept;
  ~SegmentationNetwork();

  // Standardised image codes [N, 128, h, w] of one site to standardised mask codes of that site.
  [[nodiscard]] Result<FloatTensor> predict(const FloatTensor& image_codes, int site) const;
  [[nodiscard]] Pooling pooling() const;
  [[nodiscard]] int sites() const;  // 1 for plain
  // Whose codes it learnt from, in the order of its sites; empty where it does not say.
  [[nodiscard]] const std::vector<std::string>& site_names() const;

 private:
  struct Parts;
  explicit SegmentationNetwork(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace cloister::networks
