// Random views of slices: one spatial transform for image and mask, then intensity changes of the
// image alone. Parameters start from nnU-Net's (Isensee et al., Nature Methods 18, 2021).
// Deterministic under its seed on every platform; no torch.
#pragma once

#include <cstdint>
#include <span>

#include "base/prng.h"

namespace cloister::networks {

// A strength of 0 switches a part off.
struct Augmentation {
  double rotation_degrees = 30;  // uniform in +-
  double scale_percent = 30;     // uniform in +-
  double shift_percent = 8;      // of the side, uniform in +-
  double elastic_pixels = 4;     // largest displacement of a smooth random field
  bool flips = false;            // both axes; hearts are not symmetric, so off
  double gamma = 0.5;            // exponent exp(uniform +-)
  double contrast_percent = 40;  // uniform in +-
  double brightness = 0.1;       // standard deviations, normal
  double noise = 0.08;           // largest standard deviation of added noise
  double blur_pixels = 0.8;      // largest sigma, applied to one view in five
  double low_resolution = 0.5;   // smallest zoom, applied to one view in eight
};

[[nodiscard]] Augmentation no_augmentation();
[[nodiscard]] Augmentation spatial_only(const Augmentation& augmentation);

struct SliceView {
  std::span<const float> image;          // height * width; may be empty
  std::span<const std::uint8_t> labels;  // height * width; may be empty
};
struct SliceOut {
  std::span<float> image;
  std::span<std::uint8_t> labels;
};

// Bilinear for the image (borders repeat), nearest for labels (outside is background).
void augment(const Augmentation& how, int height, int width, Prng& prng, const SliceView& in,
             const SliceOut& out);

}  // namespace cloister::networks
