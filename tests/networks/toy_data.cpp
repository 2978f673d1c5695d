#include "toy_data.h"

#include <cmath>

#include "base/prng.h"

namespace cloister::networks::testing {
namespace {

std::uint8_t label_at(double distance, double column) {
  if (distance < 4) return 1;
  if (distance < 7) return 2;
  return distance < 10 && column < 0 ? 3 : 0;
}

}  // namespace

SliceSet toy_slices(int patients, std::uint64_t seed) {
  SliceSet slices;
  slices.height = slices.width = toy_side;
  Prng prng(seed);
  for (int slice = 0; slice < patients * 2; ++slice) {
    const double row = prng.uniform(13, 18);
    const double column = prng.uniform(13, 18);
    for (int r = 0; r < toy_side; ++r)
      for (int c = 0; c < toy_side; ++c) {
        const auto label = label_at(std::hypot(r - row, c - column), c - column);
        slices.labels.push_back(label);
        constexpr double shade[] = {-0.5, 2.0, 0.3, 1.4};
        slices.images.push_back(static_cast<float>(shade[label] + 0.1 * prng.normal()));
      }
    slices.volume.push_back(slice / 2);
    slices.patient.push_back(slice / 2);
  }
  return slices;
}

Bytes toy_secret(std::uint8_t fill) { return Bytes(16, fill); }

Job toy_job() {
  Job job;
  job.compute.threads = 1;
  return job;
}

TrainingRecipe toy_recipe(std::int64_t steps) {
  TrainingRecipe recipe;
  recipe.steps = steps;
  recipe.ema_decay = 0.9;
  recipe.learning_rate = 5e-3;
  return recipe;
}

}  // namespace cloister::networks::testing
