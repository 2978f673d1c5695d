// IEEE 754 binary16 to and from binary32, in plain integer arithmetic: the same bits on every
// machine. Codes travel as F16.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace cloister::tensorfile {

// Rounds to nearest, ties to even. Finite values too large for a half become infinite.
[[nodiscard]] std::uint16_t to_half(float value);
[[nodiscard]] float from_half(std::uint16_t half);

[[nodiscard]] std::vector<std::uint16_t> to_halves(std::span<const float> values);
void from_halves(std::span<const std::uint16_t> halves, std::span<float> values);

}  // namespace cloister::tensorfile
