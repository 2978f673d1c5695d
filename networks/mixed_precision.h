// Mixed precision (Micikevicius et al., ICLR 2018) for one forward pass. Internal.
#pragma once

#include "networks/job.h"

namespace cloister::networks {

// While it lives, this thread's convolutions on the device are computed in bfloat16 if the device
// says so, by LibTorch's autocast; losses, sums and everything that is kept stay float32. bfloat16
// has float32's range, so that losses need no scaling (Kalamkar et al., arXiv:1905.12322).
// The backward pass runs in the types of the forward pass and belongs outside.
class MixedPrecision {
 public:
  explicit MixedPrecision(const Device& device);
  ~MixedPrecision();
  MixedPrecision(const MixedPrecision&) = delete;
  MixedPrecision& operator=(const MixedPrecision&) = delete;

 private:
  const Device device_;
};

}  // namespace cloister::networks
