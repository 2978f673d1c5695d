// The baseline that needs the images in one place: a small U-Net (Ronneberger et al., MICCAI 2015)
// from image to mask, with the same augmentation, loss and loop as the encoders. Only where data
// may be pooled: trials, pilots, demonstrations.
#pragma once

#include <memory>

#include "networks/encoders.h"

namespace cloister::networks {

struct PlainUnetOptions {
  TrainingRecipe recipe;
  Augmentation augmentation;
  int structures = 3;
  std::uint64_t seed = 1;  // public
};
// Errors: as train_mask_encoder.
[[nodiscard]] Result<Bytes> train_plain_unet(const SliceSet& slices,
                                             const PlainUnetOptions& options, const Job& job);
// Probabilities [N, structures + 1, H, W].
[[nodiscard]] Result<FloatTensor> segment_plainly(BytesView network, const SliceSet& slices,
                                                  const Compute& compute);

}  // namespace cloister::networks
