// Attacks that move a site's codes into the code space of an autoencoder that the attacker has, and
// decode them there.
#pragma once

#include "privacy/linear_attack.h"

namespace cloister::privacy {

// A1, cheap: no pair of image and code is known, only how codes are distributed. Both sides are cut
// into principal axes of their channels (over all cells); axes are paired by their share of the
// variance, their signs by the third moment, and each code is expressed in the attacker's axes.
// `codes` and `known` are [N, C, h, w] and [M, C', h, w]; returns [N, C', h, w].
[[nodiscard]] Result<networks::FloatTensor> covariance_match(const networks::FloatTensor& codes,
                                                             const networks::FloatTensor& known);

// A2: an affine map, cell by cell, from the leaked codes of images to the attacker's own codes of
// the same images (`own_codes`, in the order of `leaked_codes`), applied to `codes`.
struct CodePairsLeaked {
  networks::FloatTensor leaked_codes;
  networks::FloatTensor own_codes;
};
[[nodiscard]] Result<networks::FloatTensor> affine_match(const CodePairsLeaked& pairs,
                                                         const networks::FloatTensor& codes);

}  // namespace cloister::privacy
