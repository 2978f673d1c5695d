#include "privacy/statistics.h"

#include <catch2/catch.hpp>
#include <vector>

#include "base/prng.h"
#include "privacy/gate.h"

using namespace cloister;
using namespace cloister::privacy;

TEST_CASE("Wilson's interval agrees with published values", "[privacy]") {
  // Newcombe, Statist. Med. 17:857 (1998), table I: 81 of 263 and 0 of 20.
  const Interval a = wilson_interval(81, 263);
  CHECK(a.low == Approx(0.2553).margin(5e-4));
  CHECK(a.high == Approx(0.3662).margin(5e-4));
  const Interval b = wilson_interval(0, 20);
  CHECK(b.low == Approx(0).margin(1e-12));
  CHECK(b.high == Approx(0.1611).margin(5e-4));
  CHECK(wilson_interval(0, 0) == Interval{0, 1});
}

TEST_CASE("correlation is one for a scaled copy and zero for a constant", "[privacy]") {
  const std::vector<float> a{1, 2, 3, 4};
  const std::vector<float> b{-2, -4, -6, -8};
  const std::vector<float> c{5, 5, 5, 5};
  CHECK(correlation(a, a) == Approx(1));
  CHECK(correlation(a, b) == Approx(-1));
  CHECK(correlation(a, c) == 0);
}

TEST_CASE("structural similarity is one for the same image and low for noise", "[privacy]") {
  Prng prng(3);
  std::vector<float> image(32 * 32);
  std::vector<float> noise(32 * 32);
  for (std::size_t i = 0; i < image.size(); ++i) {
    image[i] = static_cast<float>(i % 32) / 32;
    noise[i] = static_cast<float>(prng.uniform());
  }
  CHECK(structural_similarity(image, image, 32) == Approx(1));
  CHECK(structural_similarity(noise, image, 32) < 0.3);
}

TEST_CASE("too few samples warn and never pass", "[privacy]") {
  const GateThreshold rate{"re-identification", 0.05, 0.20, false};
  CHECK(judge(0.0, wilson_interval(0, 200), rate) == Verdict::pass);
  CHECK(judge(0.0, wilson_interval(0, 5), rate) == Verdict::warn);
  CHECK(judge(0.10, wilson_interval(20, 200), rate) == Verdict::warn);
  CHECK(judge(0.5, wilson_interval(100, 200), rate) == Verdict::fail);
  const GateThreshold ceiling{"mask-ceiling", 0.93, 0.90, true};
  CHECK(judge(0.95, {0.95, 0.95}, ceiling) == Verdict::pass);
  CHECK(judge(0.91, {0.91, 0.91}, ceiling) == Verdict::warn);
  CHECK(judge(0.89, {0.89, 0.89}, ceiling) == Verdict::fail);
}
