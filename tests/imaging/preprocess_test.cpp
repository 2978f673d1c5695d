#include "imaging/preprocess.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "imaging/metrics.h"
#include "imaging/phantom.h"
#include "tests/imaging/shapes.h"

using namespace cloister;
using namespace cloister::imaging;
using namespace cloister::imaging::testing;

namespace {

PreprocessPlan plan(double spacing, std::size_t width, std::size_t height) {
  PreprocessPlan p;
  p.spacing_mm = spacing;
  p.width = width;
  p.height = height;
  return p;
}

}  // namespace

TEST_CASE("at equal spacing a mask goes to slices and back unchanged", "[imaging]") {
  for (const std::size_t side : {47UL, 48UL, 50UL, 63UL}) {  // cropped, equal, padded; odd and even
    Mask mask = empty_mask({side, 50, 6}, {1.5, 1.5, 9});
    fill(mask, {{12, 14, 1}, {30, 33, 5}}, 2);
    fill(mask, {{15, 18, 2}, {22, 30, 4}}, 1);
    const auto slices = to_slices(mask, plan(1.5, 48, 64));
    REQUIRE(slices.has_value());
    CHECK(slices->count == 6);
    const auto back = to_mask(*slices, mask.geometry, plan(1.5, 48, 64));
    REQUIRE(back.has_value());
    CHECK(back->labels == mask.labels);
    CHECK(same_space(back->geometry, mask.geometry, 0).has_value());
  }
}

TEST_CASE("a plan without a spacing keeps each image's own", "[imaging]") {
  Mask mask = empty_mask({40, 50, 6}, {1.1, 1.7, 9});
  fill(mask, {{12, 14, 1}, {30, 33, 5}}, 2);
  const auto slices = to_slices(mask, plan(0, 48, 64));
  REQUIRE(slices.has_value());
  const auto back = to_mask(*slices, mask.geometry, plan(0, 48, 64));
  REQUIRE(back.has_value());
  CHECK(back->labels == mask.labels);
}

TEST_CASE("at another spacing a mask comes back almost whole, from labels and from probabilities",
          "[imaging]") {
  PhantomSite site;
  site.field_mm = 200;
  const auto patient = make_phantom_patient(site, 1);
  REQUIRE(patient.has_value());
  const auto p = plan(1.5, 144, 144);
  const auto slices = to_slices(patient->ed_mask, p);
  REQUIRE(slices.has_value());
  ProbabilityStack soft{slices->count, 4, 144, 144, {}};
  soft.values.assign(slices->count * 4 * 144 * 144, 0);
  for (std::size_t i = 0; i < slices->labels.size(); ++i) {
    const std::size_t slice = i / (144 * 144);
    const std::size_t pixel = i % (144 * 144);
    soft.values[(slice * 4 + slices->labels[i]) * 144 * 144 + pixel] = 1;
  }
  for (const auto& back : {to_mask(*slices, patient->ed_mask.geometry, p),
                           to_mask(soft, patient->ed_mask.geometry, p)}) {
    REQUIRE(back.has_value());
    const auto scores = score_structures(*back, patient->ed_mask, 3);
    REQUIRE(scores.has_value());
    for (const StructureScore& score : *scores) CHECK(score.dsc > 0.95);
  }
}

TEST_CASE("image and mask land on the same pixels", "[imaging]") {
  Mask mask = empty_mask({60, 44, 5}, {1.25, 1.25, 8});
  fill(mask, {{20, 12, 1}, {35, 30, 4}}, 1);
  Volume image{mask.geometry, {}, {}};
  for (const std::uint8_t label : mask.labels) image.voxels.push_back(label == 0 ? 10.0F : 500.0F);
  for (const double spacing : {1.25, 0.9, 2.0}) {
    const auto pixels = to_slices(image, plan(spacing, 64, 64));
    const auto labels = to_slices(mask, plan(spacing, 64, 64));
    REQUIRE(pixels.has_value());
    REQUIRE(labels.has_value());
    const float high = *std::max_element(pixels->values.begin(), pixels->values.end());
    const float low = *std::min_element(pixels->values.begin(), pixels->values.end());
    std::size_t off = 0;
    for (std::size_t i = 0; i < labels->labels.size(); ++i) {
      const bool bright = pixels->values[i] > (high + low) / 2;
      off += bright != (labels->labels[i] == 1) ? 1 : 0;
    }
    // Only pixels whose centre lies half-way between two voxels may differ.
    CHECK(off <= 5 * 2 * 64);
    CHECK(off * 20 <= labels->labels.size());
    if (spacing == 1.25) CHECK(off == 0);
  }
}

TEST_CASE("intensities have mean 0 and deviation 1 after clipping, padding is darkest",
          "[imaging]") {
  Volume image = ramp({32, 32, 4}, {1, 1, 8});
  image.voxels[17] = 1e6F;  // a spike must not set the scale
  const auto slices = to_slices(image, plan(1, 48, 48));
  REQUIRE(slices.has_value());
  double sum = 0, squares = 0;
  for (std::size_t slice = 0; slice < 4; ++slice) {
    for (std::size_t y = 8; y < 40; ++y) {
      for (std::size_t x = 8; x < 40; ++x) {
        const double v = slices->values[(slice * 48 + y) * 48 + x];
        sum += v;
        squares += v * v;
      }
    }
  }
  CHECK(sum / 4096 == Approx(0).margin(1e-3));
  CHECK(squares / 4096 == Approx(1).epsilon(1e-3));
  CHECK(slices->values[0] == *std::min_element(slices->values.begin(), slices->values.end()));
}

TEST_CASE("slices are stacked along the axis of the largest spacing", "[imaging]") {
  CHECK(slice_axis(axis_aligned({20, 30, 40}, {8, 1, 1})) == 0);
  CHECK(slice_axis(axis_aligned({20, 30, 40}, {1, 9, 1.2})) == 1);
  CHECK(slice_axis(axis_aligned({20, 30, 40}, {1, 1, 1})) == 2);
  Mask mask = empty_mask({6, 50, 40}, {9, 1.5, 1.5});
  fill(mask, {{1, 10, 12}, {5, 30, 25}}, 3);
  const auto slices = to_slices(mask, plan(1.5, 64, 48));
  REQUIRE(slices.has_value());
  CHECK(slices->count == 6);
  const auto back = to_mask(*slices, mask.geometry, plan(1.5, 64, 48));
  REQUIRE(back.has_value());
  CHECK(back->labels == mask.labels);
}

TEST_CASE("plans and stacks that do not fit are refused", "[imaging]") {
  const Volume image = ramp({32, 32, 4}, {1, 1, 8});
  CHECK(to_slices(image, plan(1, 50, 48)).error().code == "plan.bad_preprocessing");
  CHECK(to_slices(image, plan(0.1, 48, 48)).error().code == "plan.bad_preprocessing");
  Volume flat = image;
  std::fill(flat.voxels.begin(), flat.voxels.end(), 1.0F);
  flat.voxels[0] = 2.0F;
  CHECK(to_slices(flat, plan(1, 48, 48)).error().code == "image.constant");
  const LabelStack wrong{3, 48, 48, std::vector<std::uint8_t>(3 * 48 * 48)};
  CHECK(to_mask(wrong, image.geometry, plan(1, 48, 48)).error().code == "image.stack_mismatch");
}
