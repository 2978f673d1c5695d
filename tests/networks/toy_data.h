// Small made-up hearts for the tests of networks/: a disc in a ring beside a crescent, 32 x 32.
#pragma once

#include "networks/encoders.h"

namespace cloister::networks::testing {

inline constexpr int toy_side = 32;

// `patients` patients of two slices each, one volume a patient.
[[nodiscard]] SliceSet toy_slices(int patients, std::uint64_t seed = 7);
[[nodiscard]] Bytes toy_secret(std::uint8_t fill = 42);
// One thread, so that the tests are repeatable on any machine.
[[nodiscard]] Job toy_job();
[[nodiscard]] TrainingRecipe toy_recipe(std::int64_t steps);

}  // namespace cloister::networks::testing
