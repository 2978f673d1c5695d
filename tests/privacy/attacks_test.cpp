// Attacks beyond linear ones: each must win where it should, and learn nothing from noise.
#include <catch2/catch.hpp>
#include <cmath>

#include "base/prng.h"
#include "privacy/attacks.h"
#include "privacy/mask_leakage.h"
#include "privacy/matching.h"
#include "privacy/membership.h"
#include "privacy/probes.h"
#include "privacy/trained_attacks.h"
#include "tests/privacy/blobs.h"

using namespace cloister;
using namespace cloister::privacy;
using namespace cloister::privacy::testing;
using networks::FloatTensor;

namespace {

const networks::Job job{.compute = {.threads = 1}};

double recognised(const Result<Bytes>& made, const networks::SliceSet& target) {
  REQUIRE(made.has_value());
  const auto images = unpacked(*made);
  REQUIRE(images.has_value());
  const Gallery gallery = make_gallery(target);
  return re_identify(crops_of(*images, gallery), gallery).top1();
}

// Every cell's channels turned by one random orthogonal matrix: a secret key.
FloatTensor turned(const FloatTensor& codes, std::uint64_t seed) {
  const auto channels = static_cast<std::size_t>(codes.shape[1]);
  const auto area = static_cast<std::size_t>(codes.shape[2] * codes.shape[3]);
  FloatTensor out = codes;
  Prng prng(seed);
  for (int rotation = 0; rotation < 400; ++rotation) {  // Givens rotations of random pairs
    const std::size_t a = prng.below(channels);
    const std::size_t b = (a + 1 + prng.below(channels - 1)) % channels;
    const double angle = prng.uniform(0, 6.28);
    for (std::size_t n = 0; n < static_cast<std::size_t>(codes.shape[0]); ++n) {
      for (std::size_t i = 0; i < area; ++i) {
        float& x = out.data[(n * channels + a) * area + i];
        float& y = out.data[(n * channels + b) * area + i];
        const double was_x = static_cast<double>(x);
        const double was_y = static_cast<double>(y);
        x = static_cast<float>(std::cos(angle) * was_x - std::sin(angle) * was_y);
        y = static_cast<float>(std::sin(angle) * was_x + std::cos(angle) * was_y);
      }
    }
  }
  return out;
}

double relative_error(const FloatTensor& made, const FloatTensor& truth) {
  double error = 0;
  double size = 0;
  for (std::size_t i = 0; i < truth.data.size(); ++i) {
    error += std::pow(static_cast<double>(made.data[i]) - static_cast<double>(truth.data[i]), 2);
    size += std::pow(static_cast<double>(truth.data[i]), 2);
  }
  return error / size;
}

}  // namespace

TEST_CASE("a decoder trained on leaked pairs undoes an identity encoder", "[privacy]") {
  const auto own = blobs(16, 3);
  const auto target = blobs(10, 4);
  const AttackTraining training{250, 8, 1};
  const double found = recognised(trained_decoder_attack({as_images(own), identity_codes(own)},
                                                         identity_codes(target), training, job),
                                  target);
  CHECK(found > 0.8);
  const double blind =
      recognised(trained_decoder_attack({as_images(own), noise_codes(own.size(), 1)},
                                        noise_codes(target.size(), 2), {60, 8, 1}, job),
                 target);
  CHECK(blind < 0.2);
}

TEST_CASE("a surrogate learns to read a coarse picture from codes alone", "[privacy]") {
  const auto own = blobs(20, 5);
  const auto target = blobs(10, 6);
  const double found =
      recognised(surrogate_attack(own, coarse_codes(target), {500, 16, 1}, job), target);
  INFO("recognised " << found << ", chance " << 1.0 / 30);
  CHECK(found > 0.2);
  const double blind =
      recognised(surrogate_attack(own, noise_codes(target.size(), 2), {60, 8, 1}, job), target);
  CHECK(blind < 0.2);
}

TEST_CASE("matching covariances undoes a secret orthogonal key", "[privacy]") {
  // Twelve independent sources, skewed and of different sizes, as post-ReLU channels are.
  const auto sources = [](std::uint64_t seed) {
    Prng prng(seed);
    FloatTensor codes{{100, 12, grid, grid}, {}};
    for (std::size_t i = 0; i < 100 * 12 * grid * grid; ++i) {
      const double size = std::pow(1.5, static_cast<double>(i / (grid * grid) % 12));
      codes.data.push_back(static_cast<float>(-size * std::log(1 - prng.uniform())));
    }
    return codes;
  };
  const auto truth = sources(8);
  const auto keyed = turned(truth, 9);
  CHECK(relative_error(keyed, truth) > 1);
  const auto undone = covariance_match(keyed, sources(7));
  REQUIRE(undone.has_value());
  CHECK(relative_error(*undone, truth) < 0.1);
  CHECK_FALSE(covariance_match(keyed, FloatTensor{{1, 12, 9, 9}, {}}).has_value());
}

TEST_CASE("an affine map from leaked pairs undoes a secret orthogonal key", "[privacy]") {
  const auto own = identity_codes(blobs(16, 1));
  const auto truth = identity_codes(blobs(8, 2));
  const auto moved = affine_match({turned(own, 5), own}, turned(truth, 5));
  REQUIRE(moved.has_value());
  CHECK(relative_error(*moved, truth) < 0.1);
  CHECK_FALSE(affine_match({own, truth}, truth).has_value());
}

TEST_CASE("mask leakage is nothing for one fixed mask and much for the true masks", "[privacy]") {
  const auto own = blobs(12, 1);
  const auto truth = blobs(8, 2);
  const auto constant = best_constant_mask(own, truth, 1);
  const auto open = mask_leakage(volume_dice(truth.labels, truth, 1), constant, 1);
  CHECK(open.decoded == Approx(1));
  CHECK(open.value > 0.3);
  CHECK(open.interval.low > 0.2);
  CHECK(mask_leakage(constant, constant, 1).value == 0);
  const auto none = volume_dice(std::vector<std::uint8_t>(truth.labels.size(), 0), truth, 1);
  CHECK(mask_leakage(none, constant, 1).value == 0);
}

TEST_CASE("a probe reads an attribute that shifts codes and none that does not", "[privacy]") {
  const auto make = [](std::size_t patients, std::uint64_t seed, double shift, Attribute& told) {
    const auto slices = blobs(patients, seed);
    FloatTensor codes = noise_codes(slices.size(), seed);
    const std::size_t size = codes.data.size() / slices.size();
    for (std::size_t n = 0; n < slices.size(); ++n) {
      const bool has = slices.patient[n] % 2 == 0;
      told.value[slices.patient[n]] = std::string(1, has ? 'F' : 'M');
      for (std::size_t i = 0; has && i < size; ++i)
        codes.data[n * size + i] += static_cast<float>(shift);
    }
    return std::pair(codes, slices.patient);
  };
  for (const double shift : {0.6, 0.0}) {
    Attribute sex{"sex", false, {}};
    const auto [known, known_patients] = make(20, 1, shift, sex);
    const auto [attacked, attacked_patients] = make(20, 2, shift, sex);
    const auto found = probe(sex, {known, known_patients}, {attacked, attacked_patients});
    REQUIRE(found.size() == 1);
    INFO("shift " << shift << ", area " << found[0].area);
    if (shift > 0) {
      CHECK(found[0].area > 0.95);
      CHECK(found[0].interval.low > 0.6);
    } else {
      CHECK(found[0].interval.low < 0.6);
    }
  }
  Attribute rare{"sex", false, {{100, "F"}}};
  const auto slices = blobs(4, 1);
  const auto codes = noise_codes(slices.size(), 1);
  CHECK(probe(rare, {codes, slices.patient}, {codes, slices.patient}).empty());
}

TEST_CASE("membership shows where a network is better on its training patients", "[privacy]") {
  const std::vector<GateThreshold> thresholds{{"membership-auc", 0.55, 0.60, false},
                                              {"membership-tpr", 0.02, 0.05, false}};
  Prng prng(1);
  const auto losses = [&](std::size_t patients, double mean) {
    std::vector<SliceLoss> made;
    for (std::size_t p = 0; p < patients; ++p) {
      for (int slice = 0; slice < 10; ++slice) {
        made.push_back({mean + 0.1 * prng.normal(), static_cast<std::int64_t>(p)});
      }
    }
    return made;
  };
  const auto learnt_by_heart = membership(losses(20, 0.1), losses(20, 0.9), thresholds);
  REQUIRE(learnt_by_heart.size() == 2);
  CHECK(learnt_by_heart[0].value == Approx(1));
  CHECK(learnt_by_heart[1].value > 0.95);
  CHECK(learnt_by_heart[0].verdict == Verdict::fail);
  CHECK(learnt_by_heart[1].verdict == Verdict::fail);
  const auto told_nothing = membership(losses(400, 0.5), losses(400, 0.5), thresholds);
  CHECK(told_nothing[0].value == Approx(0.5).margin(0.06));
  CHECK(told_nothing[0].verdict != Verdict::fail);
  CHECK(told_nothing[1].verdict == Verdict::pass);
  // Few patients cannot show that nothing shows.
  CHECK(membership(losses(4, 0.5), losses(4, 0.5), thresholds)[0].verdict != Verdict::pass);
}
