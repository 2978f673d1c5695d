#include "imaging/metrics.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/imaging/shapes.h"

using namespace cloister;
using namespace cloister::imaging;
using namespace cloister::imaging::testing;

namespace {

StructureScore score(const Mask& a, const Mask& b) {
  const auto scores = score_structures(a, b, 1);
  REQUIRE(scores.has_value());
  return scores->at(0);
}

Mask ball(Size3 size, Vector3 spacing, Vector3 centre_mm, double radius_mm) {
  Mask mask = empty_mask(size, spacing);
  std::size_t i = 0;
  for (std::size_t z = 0; z < size.z; ++z) {
    for (std::size_t y = 0; y < size.y; ++y) {
      for (std::size_t x = 0; x < size.x; ++x, ++i) {
        const double d = std::hypot(static_cast<double>(x) * spacing[0] - centre_mm[0],
                                    static_cast<double>(y) * spacing[1] - centre_mm[1],
                                    static_cast<double>(z) * spacing[2] - centre_mm[2]);
        mask.labels[i] = d <= radius_mm ? 1 : 0;
      }
    }
  }
  return mask;
}

}  // namespace

TEST_CASE("a shape agrees with itself", "[imaging]") {
  const Mask a = ball({40, 40, 12}, {1.25, 1.25, 5}, {25, 25, 30}, 15);
  const StructureScore s = score(a, a);
  CHECK(s.dsc == 1.0);
  CHECK(s.hd95_mm == 0.0);
  CHECK(s.assd_mm == 0.0);
  const double exact_ml = 4.0 / 3.0 * 3.14159265 * 15 * 15 * 15 / 1000;
  CHECK(s.truth_ml == Approx(exact_ml).epsilon(0.05));
}

TEST_CASE("distances are in millimetres along each axis of anisotropic voxels", "[imaging]") {
  // Two one-voxel-thin plates: every surface voxel is exactly the shift away.
  const Vector3 spacing{1.5, 0.75, 8};
  const Size3 size{20, 20, 10};
  struct Shift {
    Box a, b;
    double mm;
  };
  const std::vector<Shift> shifts{{{{2, 4, 2}, {3, 9, 7}}, {{6, 4, 2}, {7, 9, 7}}, 4 * 1.5},
                                  {{{4, 2, 2}, {9, 3, 7}}, {{4, 9, 2}, {9, 10, 7}}, 7 * 0.75},
                                  {{{4, 4, 2}, {9, 9, 3}}, {{4, 4, 5}, {9, 9, 6}}, 3 * 8.0}};
  for (const Shift& shift : shifts) {
    Mask a = empty_mask(size, spacing);
    Mask b = a;
    fill(a, shift.a, 1);
    fill(b, shift.b, 1);
    const StructureScore s = score(a, b);
    CHECK(s.dsc == 0.0);
    CHECK(s.hd95_mm == Approx(shift.mm));
    CHECK(s.assd_mm == Approx(shift.mm));
  }
}

TEST_CASE("concentric balls are their difference in radius apart", "[imaging]") {
  const Vector3 spacing{0.5, 0.5, 1.0};
  const Mask small = ball({100, 100, 50}, spacing, {25, 25, 25}, 10);
  const Mask large = ball({100, 100, 50}, spacing, {25, 25, 25}, 14);
  const StructureScore s = score(small, large);
  CHECK(s.dsc == Approx(2 * 1000.0 / (1000 + 14 * 14 * 14)).epsilon(0.01));
  CHECK(s.assd_mm == Approx(4.0).margin(0.25));
  CHECK(s.hd95_mm == Approx(4.0).margin(0.6));
}

TEST_CASE("a far outlier moves hd95 only when it is more than five per cent of the surface",
          "[imaging]") {
  const Size3 size{64, 16, 16};
  Mask truth = empty_mask(size, {1, 1, 1});
  fill(truth, {{2, 2, 2}, {12, 12, 12}}, 1);
  Mask with_speck = truth;
  fill(with_speck, {{60, 8, 8}, {61, 9, 9}}, 1);
  CHECK(score(with_speck, truth).hd95_mm == 0.0);
  CHECK(score(with_speck, truth).assd_mm > 0.0);
  fill(with_speck, {{55, 3, 3}, {60, 13, 13}}, 1);
  CHECK(score(with_speck, truth).hd95_mm > 40.0);
}

TEST_CASE("structures at the border of the image and whole images have surfaces", "[imaging]") {
  Mask all = empty_mask({4, 4, 2}, {1, 1, 10});
  fill(all, {{0, 0, 0}, {4, 4, 2}}, 1);
  CHECK(score(all, all).hd95_mm == 0.0);
  Mask half = empty_mask({4, 4, 2}, {1, 1, 10});
  fill(half, {{0, 0, 0}, {4, 4, 1}}, 1);
  CHECK(score(half, all).hd95_mm == Approx(10.0));
}

TEST_CASE("the rule for empty masks: worst distance when one is empty, perfect when both are",
          "[imaging]") {
  const Mask none = empty_mask({10, 10, 10}, {3, 4, 12});
  Mask some = none;
  fill(some, {{1, 1, 1}, {3, 3, 3}}, 1);
  const StructureScore missed = score(none, some);
  CHECK(missed.one_empty);
  CHECK(missed.dsc == 0.0);
  CHECK(missed.hd95_mm == Approx(130.0));
  CHECK(missed.assd_mm == Approx(130.0));
  const StructureScore both = score(none, none);
  CHECK(both.both_empty);
  CHECK(both.dsc == 1.0);
  CHECK(both.hd95_mm == 0.0);
}

TEST_CASE("masks of different spaces are not compared", "[imaging]") {
  const Mask a = empty_mask({10, 10, 10}, {1, 1, 1});
  CHECK(score_structures(a, empty_mask({10, 10, 9}, {1, 1, 1}), 1).error().code ==
        "image.size_mismatch");
  CHECK(score_structures(a, empty_mask({10, 10, 10}, {1, 1, 2}), 1).error().code ==
        "image.orientation_mismatch");
}

TEST_CASE("only the largest component of each structure is kept", "[imaging]") {
  Mask mask = empty_mask({20, 20, 5}, {1, 1, 1});
  fill(mask, {{1, 1, 1}, {5, 5, 4}}, 1);
  fill(mask, {{5, 5, 4}, {6, 6, 5}}, 1);  // touches by a corner: part of it
  fill(mask, {{15, 15, 1}, {17, 17, 2}}, 1);
  fill(mask, {{10, 1, 1}, {12, 3, 2}}, 2);
  const auto kept = keep_largest_components(mask, 2);
  REQUIRE(kept.has_value());
  Mask expected = mask;
  fill(expected, {{15, 15, 1}, {17, 17, 2}}, 0);
  CHECK(kept->labels == expected.labels);
}

TEST_CASE("a summary's interval holds the mean and repeats under its seed", "[imaging]") {
  const std::vector<double> values{0.9, 0.8, 0.85, 0.95, 0.7};
  const Summary s = summarise(values, 7);
  CHECK(s.count == 5);
  CHECK(s.mean == Approx(0.84));
  CHECK(s.median == Approx(0.85));
  CHECK(s.low > 0.7);
  CHECK(s.low < s.mean);
  CHECK(s.high > s.mean);
  CHECK(s.high < 0.95);
  CHECK(summarise(values, 7).low == s.low);
  CHECK(summarise({}).count == 0);
}

TEST_CASE("ejection fraction and calibration follow their definitions", "[imaging]") {
  CHECK(cavity_function(120, 48).ef_percent == Approx(60));
  CHECK(std::isnan(cavity_function(0, 0).ef_percent));
  Calibration calibration;
  for (int i = 0; i < 10; ++i) calibration.add(0.75F, i < 5);
  CHECK(calibration.expected_error() == Approx(0.25));
  CHECK(calibration.count() == 10);
}
