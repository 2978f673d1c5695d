// Overlap and surface distances of one structure, in 3-D and in millimetres.
//
// Surfaces are the voxels of a structure that touch (6 neighbours) something else; the border of
// the image counts as something else. Distances run between voxel centres, from ITK's exact
// Euclidean distance map (Maurer, IEEE TPAMI 25(2), 2003) with the volume's spacing.
//   dsc      2 |A & B| / (|A| + |B|)
//   hd95_mm  the larger of the 95th percentiles of both directed surface distances
//   assd_mm  the mean over all surface voxels of both sides
//
// Rule for empty masks: both empty: dsc 1, distances 0. One empty: dsc 0, and the distances are the
// diagonal of the volume (a finite, worst value, so that a missed structure is never dropped from a
// mean); `one_empty` says so.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "imaging/volume.h"

namespace cloister::imaging {

struct StructureScore {
  double dsc = 0;
  double hd95_mm = 0;
  double assd_mm = 0;
  double truth_ml = 0;
  double predicted_ml = 0;
  bool both_empty = false;
  bool one_empty = false;
};

// One score a class 1..structures. Both masks hold class indices in one space (else the error of
// same_space).
[[nodiscard]] Result<std::vector<StructureScore>> score_structures(const Mask& predicted,
                                                                   const Mask& truth,
                                                                   std::size_t structures);

// Keeps of every class 1..structures only its largest component (26 neighbours; ties: the first in
// memory order).
[[nodiscard]] Result<Mask> keep_largest_components(const Mask& mask, std::size_t structures);

struct Summary {
  std::size_t count = 0;
  double mean = 0;
  double median = 0;
  double low = 0;  // 95 % percentile bootstrap interval of the mean (Efron 1979)
  double high = 0;
};
// Deterministic under the seed; 2,000 resamples. An empty input gives count 0 and zeros.
[[nodiscard]] Summary summarise(std::span<const double> values, std::uint64_t seed = 1);

// Volumes of one cavity at both phases. Ejection fraction is NaN for an empty ED.
struct CavityFunction {
  double edv_ml = 0;
  double esv_ml = 0;
  double ef_percent = 0;  // 100 (EDV - ESV) / EDV
};
[[nodiscard]] CavityFunction cavity_function(double edv_ml, double esv_ml);

// Expected calibration error over ten equal bins of the winning class's probability, foreground
// voxels of truth or prediction only (Guo et al., ICML 2017). Inputs by voxel.
class Calibration {
 public:
  void add(float confidence, bool correct);
  [[nodiscard]] double expected_error() const;  // 0 where nothing was added
  [[nodiscard]] std::size_t count() const { return count_; }

 private:
  static constexpr std::size_t bins = 10;
  std::size_t count_ = 0;
  std::size_t in_bin_[bins]{};
  double confidence_[bins]{};
  double correct_[bins]{};
};

}  // namespace cloister::imaging
