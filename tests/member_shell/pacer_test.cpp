#include "member-shell/pacer.h"

#include <catch2/catch.hpp>

#include "base/prng.h"

using namespace cloister;
using namespace cloister::member_shell;

TEST_CASE("uploads leave at no more than the rate of the site's policy, and not much slower",
          "[member-shell]") {
  constexpr std::uint64_t rate = 3'000'000;
  constexpr std::uint64_t chunk_max = 1U << 20;
  Prng prng(1);
  Pacer pacer(rate);
  const Duration began{50'000};
  Duration now = began;
  std::uint64_t sent = 0;
  for (int i = 0; i < 2'000; ++i) {
    const std::uint64_t bytes = 1 + prng.below(chunk_max);
    now += pacer.wait(bytes, now);
    sent += bytes;
    const auto allowed = rate * static_cast<std::uint64_t>((now - began).count()) / 1000;
    REQUIRE(sent <= allowed + bytes + rate / 1000 * static_cast<std::uint64_t>(i + 1));
  }
  const double took = static_cast<double>((now - began).count()) / 1000;
  CHECK(static_cast<double>(sent) / took < rate * 1.01);
  CHECK(static_cast<double>(sent) / took > rate * 0.99);
}

TEST_CASE("a pause is not saved up, and without a limit nothing waits", "[member-shell]") {
  Pacer pacer(1'000);
  CHECK(pacer.wait(1'000, Duration(0)) == Duration(0));
  CHECK(pacer.wait(1'000, Duration(0)) == Duration(1'000));
  // An hour later: one portion at once, the next a second after it.
  CHECK(pacer.wait(1'000, Duration(3'600'000)) == Duration(0));
  CHECK(pacer.wait(1'000, Duration(3'600'000)) == Duration(1'000));
  Pacer free;
  CHECK_FALSE(free.limits());
  CHECK(free.wait(1U << 30, Duration(0)) == Duration(0));
  CHECK(free.wait(1U << 30, Duration(0)) == Duration(0));
}
