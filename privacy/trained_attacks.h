// Attacks that train a network of their own.
#pragma once

#include <cstdint>

#include "networks/job.h"
#include "networks/slices.h"
#include "privacy/linear_attack.h"

namespace cloister::privacy {

struct AttackTraining {
  std::int64_t steps = 150;
  int batch = 4;
  std::uint64_t seed = 1;  // public
};

// A2: a small convolutional decoder, codes to images, trained on the leaked pairs. Reconstructions
// [N, 1, H, W] of `codes`, as networks::write_codes packs them.
[[nodiscard]] Result<Bytes> trained_decoder_attack(const LeakedPairs& pairs,
                                                   const networks::FloatTensor& codes,
                                                   const AttackTraining& training,
                                                   const networks::Job& job);

// A1: after FORA (Xu et al., CVPR 2024). Who sees only the codes trains an encoder of its own on
// public images so that its codes are distributed like the codes under attack (means by place,
// covariance of channels, and a kernel discrepancy over cells), together with a decoder; and
// applies that decoder to the codes. Reconstructions packed as above.
[[nodiscard]] Result<Bytes> surrogate_attack(const networks::SliceSet& public_images,
                                             const networks::FloatTensor& codes,
                                             const AttackTraining& training,
                                             const networks::Job& job);

}  // namespace cloister::privacy
