// Do the mask codes that leave show the masks to somebody without the site's decoder?
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "networks/slices.h"
#include "privacy/statistics.h"

namespace cloister::privacy {

// Overlap of every volume: dice[structure - 1][i]; -1 where the volume does not hold the structure.
struct VolumeDice {
  std::vector<std::vector<double>> dice;
  std::vector<std::int64_t> patient;  // [i]
  // Mean over the volumes that hold it, and 95 % interval over patients.
  [[nodiscard]] double mean(std::size_t structure) const;
  [[nodiscard]] Interval interval(std::size_t structure, std::uint64_t seed) const;
};
// `predicted` [N, H, W] against the labels of `truth`.
[[nodiscard]] VolumeDice volume_dice(const std::vector<std::uint8_t>& predicted,
                                     const networks::SliceSet& truth, int structures);

// The best guess of somebody who knows no code: for each structure the pixels where it lies in at
// least a share of `known`'s slices, with the share that overlaps best with `known`.
[[nodiscard]] VolumeDice best_constant_mask(const networks::SliceSet& known,
                                            const networks::SliceSet& truth, int structures);

struct MaskLeakage {
  double value = 0;  // mean overlap of the decoded masks over that of the best constant mask, >= 0
  Interval interval;
  double decoded = 0;
  double constant = 0;
  std::string how;  // which decoding was the better one
  std::size_t patients = 0;
  std::size_t volumes = 0;
};
[[nodiscard]] MaskLeakage mask_leakage(const VolumeDice& decoded, const VolumeDice& constant,
                                       std::uint64_t seed);

}  // namespace cloister::privacy
