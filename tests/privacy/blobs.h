// Made-up images for the gate's tests, and codes of which it is known what they hide.
#pragma once

#include "networks/slices.h"

namespace cloister::privacy::testing {

inline constexpr int side = 48;
inline constexpr int grid = side / 16;

// Smooth blobs, another set for each slice; three slices a patient. Label 1: the bright pixels.
[[nodiscard]] networks::SliceSet blobs(std::size_t patients, std::uint64_t seed);
[[nodiscard]] networks::FloatTensor as_images(const networks::SliceSet& slices);

// The identity encoder: the 16 x 16 pixels under each cell as 256 channels.
[[nodiscard]] networks::FloatTensor identity_codes(const networks::SliceSet& slices);
// A coarse picture and nothing else: means of 8 x 8 pixels, each through several monotone curves,
// standardised by channel. 16 channels, four for each quarter of a cell.
[[nodiscard]] networks::FloatTensor coarse_codes(const networks::SliceSet& slices);
// Nothing at all.
[[nodiscard]] networks::FloatTensor noise_codes(std::size_t n, std::uint64_t seed);

// Standardised by channel over all cells.
void standardise(networks::FloatTensor& codes);

}  // namespace cloister::privacy::testing
