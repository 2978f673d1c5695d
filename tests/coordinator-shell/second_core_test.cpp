#include "coordinator/second_core.h"

#include <catch2/catch.hpp>

using namespace cloister::coordinator;

TEST_CASE("every task runs exactly once, however many there are", "[coordinator]") {
  for (std::size_t count : {0U, 1U, 7U, 8U, 9U, 64U, 257U}) {
    std::vector<int> runs(count, 0);
    spread_over_two_cores(count, [&](std::size_t i) { ++runs[i]; });
    CHECK(runs == std::vector<int>(count, 1));
  }
}
