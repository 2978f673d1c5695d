// One slice with contours, as a PNG in memory, for reports of the site itself.
#pragma once

#include <cstddef>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "imaging/preprocess.h"
#include "imaging/volume.h"

namespace cloister::imaging {

struct OverlayOptions {
  std::size_t slice = 0;
  std::size_t panel_pixels = 256;  // height of a panel; width follows the image's shape in mm
  double margin_mm = 25;           // around the structures; without structures the whole slice
};

// Panels side by side: the image, the image with the truth's contours (solid fill edge), the image
// with the prediction's. Colours by class are safe for colour-blind readers: LV orange, MYO blue,
// RV green.
[[nodiscard]] Result<Bytes> render_overlay(const Volume& image, const Mask& truth,
                                           const Mask& predicted, const OverlayOptions& options);
// Image and one mask.
[[nodiscard]] Result<Bytes> render_overlay(const Volume& image, const Mask& mask,
                                           const OverlayOptions& options);

// The slice with most foreground in `mask`; the middle one where there is none.
[[nodiscard]] std::size_t busiest_slice(const Mask& mask);

// Grey PNG of count images side by side, each scaled to its own range (egress previews, examples of
// the gate).
[[nodiscard]] Result<Bytes> render_strip(const ImageStack& stack, std::size_t count_max = 8);

}  // namespace cloister::imaging
