// Dice on label maps: the training-time check of ceilings. Reported metrics in mm are imaging's.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace cloister::networks {

// Dice per structure 1..structures, mean over the volumes that hold the structure in `truth`
// (2|A and B| / (|A| + |B|), pooled over a volume's slices). 1 where no volume holds it.
struct LabelPairs {
  std::span<const std::uint8_t> predicted;  // [N, pixels]
  std::span<const std::uint8_t> truth;      // [N, pixels]
  std::span<const std::int64_t> volume;     // [N]
  std::size_t pixels = 0;
};
[[nodiscard]] std::vector<double> dice_by_structure(const LabelPairs& pairs, int structures);

}  // namespace cloister::networks
