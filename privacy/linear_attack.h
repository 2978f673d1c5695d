// Known plaintext: an attacker who got hold of some (image, code) pairs of a site learns a linear
// map from codes to pixels and applies it to all other codes (attacker A2).
#pragma once

#include "base/result.h"
#include "networks/slices.h"

namespace cloister::privacy {

// Ridge regression from the code around a grid cell to the block of pixels under it. With few pairs
// a cell's own channels are the features, from 16 pairs on its 3 x 3 neighbourhood as well.
//
// `pair_images` [K, 1, H, W] and `pair_codes` [K, C, h, w] are the leaked pairs; returns
// reconstructions [N, 1, H, W] of `codes` [N, C, h, w].
struct LeakedPairs {
  networks::FloatTensor images;
  networks::FloatTensor codes;
};
[[nodiscard]] Result<networks::FloatTensor> linear_attack(const LeakedPairs& pairs,
                                                          const networks::FloatTensor& codes);

}  // namespace cloister::privacy
