// Augmented batches of slices, as trainings on images and masks draw them. Internal.
#pragma once

#include "networks/augmentation.h"
#include "networks/seeds.h"
#include "networks/slices.h"
#include "networks/training.h"

namespace cloister::networks {

// Every slice once an epoch, augmented afresh each time, by LibTorch's threads side by side. To be
// called from one thread at a time. The slices must outlive it.
class Batches {
 public:
  // What a step sees of each slice: see MaskEncoderOptions.
  struct Draw {
    Augmentation augmentation;
    int batch = 4;
    int window = 0;
  };
  Batches(const SliceSet& slices, const Draw& draw, const Seeds& seeds);

  // Images [batch, 1, H, W], labels [batch, H, W], or both in this order: what the slices have.
  [[nodiscard]] Lot draw(StepInput input);

 private:
  void view(std::size_t item, std::size_t slice, Prng& chance);
  void window(std::size_t item, Prng& chance);

  const SliceSet& slices_;
  Draw draw_;
  EpochOrder order_;
  SliceSet views_, windows_;
};

}  // namespace cloister::networks
