#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include "tensorfile/half.h"

using namespace cloister::tensorfile;

TEST_CASE("every finite half survives a trip through float and back", "[tensorfile]") {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    if ((half & 0x7c00) == 0x7c00) continue;
    REQUIRE(to_half(from_half(half)) == half);
  }
}

TEST_CASE("halves round to nearest with ties to even", "[tensorfile]") {
  CHECK(to_half(1.0f) == 0x3c00);
  CHECK(to_half(1.0f + 0x1p-11f) == 0x3c00);          // tie: even below
  CHECK(to_half(1.0f + 3 * 0x1p-11f) == 0x3c02);      // tie: even above
  CHECK(to_half(1.0f + 1.01f * 0x1p-11f) == 0x3c01);  // past the tie
  CHECK(to_half(-2.0f) == 0xc000);
  CHECK(to_half(65504.0f) == 0x7bff);
  CHECK(to_half(65520.0f) == 0x7c00);
  CHECK(to_half(0x1p-24f) == 0x0001);
  CHECK(to_half(0x1p-25f) == 0x0000);
  CHECK(to_half(1.5f * 0x1p-24f) == 0x0002);
  CHECK(std::isinf(from_half(to_half(std::numeric_limits<float>::infinity()))));
  CHECK(std::isnan(from_half(to_half(std::numeric_limits<float>::quiet_NaN()))));
}
