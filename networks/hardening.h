// What a hardened encoder does to its codes after standardising them: fewer channels, noise, fewer
// bits. Part of the encoder's file, so that every code that leaves goes through it. Internal.
#pragma once

#include <torch/torch.h>

#include <optional>

#include "networks/encoders.h"
#include "networks/weights.h"

namespace cloister::networks {

// The noise of a code depends on the image and on a key that stays in the encoder: asking again
// gives the same code, so averaging answers takes no noise away, and without the key nobody can
// draw it.
struct HardenedCodes {
  Hardening how;
  Bytes key;

  [[nodiscard]] static HardenedCodes create(const Hardening& how, BytesView secret_seed);
  [[nodiscard]] Texts texts() const;
  // Ones for the channels that carry something, [1, 128, 1, 1].
  [[nodiscard]] torch::Tensor channels() const;
  // `codes` standardised [N, 128, h, w] of `images` [N, 1, H, W], both on the CPU.
  [[nodiscard]] torch::Tensor leave_as(const torch::Tensor& codes,
                                       const torch::Tensor& images) const;
};

// Noise that stands for quantisation and noise together while an encoder trains, in deviations.
[[nodiscard]] double training_noise(const Hardening& how);
// Nothing for an encoder that is not hardened.
[[nodiscard]] Result<std::optional<HardenedCodes>> hardened_codes_in(
    const tensorfile::TensorFileView& file);

}  // namespace cloister::networks
