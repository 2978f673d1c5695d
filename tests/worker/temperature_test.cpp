#include "worker/temperature.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "base/prng.h"

using namespace cloister;
using namespace cloister::worker;

namespace {

struct Made {
  networks::FloatTensor probabilities;
  imaging::LabelStack truth;
};

// Two classes whose true odds are those of `logit`; told with logits times `overconfidence`.
Made voxels(double overconfidence, std::uint64_t seed) {
  constexpr std::size_t side = 200;
  Made made{{{1, 2, side, side}, std::vector<float>(2 * side * side)},
            {1, side, side, std::vector<std::uint8_t>(side * side)}};
  Prng prng(seed);
  for (std::size_t i = 0; i < side * side; ++i) {
    const double logit = prng.uniform(-3, 3);
    const double told = 1 / (1 + std::exp(-overconfidence * logit));
    made.truth.labels[i] = prng.chance(1 / (1 + std::exp(-logit))) ? 1 : 0;
    made.probabilities.data[i] = static_cast<float>(1 - told);
    made.probabilities.data[side * side + i] = static_cast<float>(told);
  }
  return made;
}

}  // namespace

TEST_CASE("a temperature takes overconfidence back", "[worker]") {
  const Made fitted_on = voxels(3, 1);
  TemperatureFit fit;
  fit.add(fitted_on.probabilities, fitted_on.truth);
  CHECK(fit.voxels() > 1000);
  CHECK(fit.temperature() > 1.8);
  const Made judged = voxels(3, 2);
  imaging::Calibration before, after;
  calibrate(before, judged.probabilities, judged.truth, 1);
  calibrate(after, judged.probabilities, judged.truth, fit.temperature());
  CHECK(after.expected_error() < before.expected_error());
}

TEST_CASE("tempered probabilities sum to one, keep their order, and 1 changes nothing",
          "[worker]") {
  const std::vector<float> given{0.7F, 0.2F, 0.1F};
  const auto same = tempered(given, 1);
  const auto softer = tempered(given, 4);
  for (std::size_t i = 0; i < given.size(); ++i) CHECK(same[i] == Approx(given[i]));
  CHECK(softer[0] + softer[1] + softer[2] == Approx(1));
  CHECK(softer[0] > softer[1]);
  CHECK(softer[0] < given[0]);
  CHECK(TemperatureFit().temperature() == 1);
}
