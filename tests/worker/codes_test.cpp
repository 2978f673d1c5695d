#include "worker/codes.h"

#include <catch2/catch.hpp>

using namespace cloister;
using namespace cloister::worker;

TEST_CASE("two segmentations of the same slices count half each", "[worker]") {
  const networks::FloatTensor one{{1, 2, 1, 2}, {1.0F, 0.5F, 0.0F, 0.5F}};
  const networks::FloatTensor other{{1, 2, 1, 2}, {0.5F, 0.0F, 0.5F, 1.0F}};
  CHECK(half_and_half(one, other)->data == std::vector<float>{0.75F, 0.25F, 0.25F, 0.75F});
  CHECK(half_and_half(one, {{1, 2, 2, 1}, other.data}).error().code == "codes.count");
}
