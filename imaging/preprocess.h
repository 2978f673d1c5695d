// From a volume to the slices that the networks see, and exactly back.
//
// In plane: resampling to the plan's spacing, then centre crop or pad to width x height (multiples
// of 16), as one map that takes centre voxel (size / 2) to centre pixel (width / 2):
//   x_source = (x - width / 2) * target_mm / source_mm + size.x / 2
// so that at equal spacing voxels meet pixels exactly. Through plane nothing changes: one slice in,
// one slice out. The slice axis is the one with the clearly largest spacing (1.5 times the others),
// else z.
//
// Intensities: clipped to two percentiles of the volume, then z-scored over the volume; padding is
// the darkest value. Images are interpolated linearly, labels by nearest neighbour (forward), and
// class probabilities linearly before the largest wins (backward). Outside the crop is background.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "imaging/volume.h"

namespace cloister::imaging {

struct PreprocessPlan {
  double spacing_mm = 1.25;  // 0: each image keeps its own
  std::size_t width = 192;   // a multiple of 16
  std::size_t height = 192;  // a multiple of 16
  double clip_low_percent = 0.5;
  double clip_high_percent = 99.5;

  friend bool operator==(const PreprocessPlan&, const PreprocessPlan&) = default;
};

// "plan.bad_preprocessing" for sizes that are no multiple of 16 or out of 16..1024, spacing
// neither 0 nor within 0.2..10 mm, or percentiles out of order.
[[nodiscard]] Result<void> check_plan(const PreprocessPlan& plan);

// count x height x width, row by row; patient data, no formatter.
struct ImageStack {
  std::size_t count = 0, height = 0, width = 0;
  std::vector<float> values;
};
struct LabelStack {
  std::size_t count = 0, height = 0, width = 0;
  std::vector<std::uint8_t> labels;
};
// count x classes x height x width.
struct ProbabilityStack {
  std::size_t count = 0, classes = 0, height = 0, width = 0;
  std::vector<float> values;
};

[[nodiscard]] Result<ImageStack> to_slices(const Volume& volume, const PreprocessPlan& plan);
[[nodiscard]] Result<LabelStack> to_slices(const Mask& mask, const PreprocessPlan& plan);

// Back onto `geometry`, the image's own; the mask's geometry equals it.
[[nodiscard]] Result<Mask> to_mask(const ProbabilityStack& probabilities, const Geometry& geometry,
                                   const PreprocessPlan& plan);
[[nodiscard]] Result<Mask> to_mask(const LabelStack& labels, const Geometry& geometry,
                                   const PreprocessPlan& plan);

// 0, 1 or 2: along which axis the slices are stacked.
[[nodiscard]] int slice_axis(const Geometry& geometry);

}  // namespace cloister::imaging
