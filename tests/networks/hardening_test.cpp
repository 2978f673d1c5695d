#include <catch2/catch.hpp>
#include <cmath>
#include <set>

#include "networks/views.h"
#include "toy_data.h"

using namespace cloister;
using namespace cloister::networks;
using namespace cloister::networks::testing;

namespace {

ImageEncoderOptions options_with(Hardening hardening, std::int64_t steps) {
  ImageEncoderOptions options;
  options.recipe = toy_recipe(steps);
  options.learning = EncoderLearning::hardened;
  options.hardening = hardening;
  return options;
}

FloatTensor codes_of(const Bytes& encoder, const SliceSet& slices) {
  auto loaded = Encoder::load(encoder, toy_job().compute);
  REQUIRE(loaded.has_value());
  auto codes = loaded->encode(slices);
  REQUIRE(codes.has_value());
  return *codes;
}

}  // namespace

TEST_CASE("hardened codes keep to their channels and their bits", "[networks]") {
  const auto slices = toy_slices(4);
  const Hardening hardening{.code_channels = 20, .code_bits = 3, .code_noise = 0.5};
  const auto trained =
      train_image_encoder(slices, options_with(hardening, 6), toy_secret(), toy_job());
  REQUIRE(trained);
  const auto codes = codes_of(trained->encoder, slices);
  const auto cells = static_cast<std::size_t>(codes.shape[2] * codes.shape[3]);
  std::set<float> levels;
  std::set<std::size_t> live;
  for (std::size_t i = 0; i < codes.data.size(); ++i) {
    if (codes.data[i] == 0) continue;
    levels.insert(codes.data[i]);
    live.insert(i / cells % static_cast<std::size_t>(code_channels));
  }
  CHECK(levels.size() <= 8);
  CHECK(levels.size() > 2);
  CHECK(*live.rbegin() < 20);
  CHECK(live.size() > 10);
}

TEST_CASE("the noise of hardened codes depends on the secret and cannot be averaged away",
          "[networks]") {
  const auto slices = toy_slices(4);
  const Hardening loud{.code_bits = 0, .code_noise = 2.0};
  const auto trained = train_image_encoder(slices, options_with(loud, 4), toy_secret(), toy_job());
  REQUIRE(trained);
  const auto codes = codes_of(trained->encoder, slices);
  CHECK(codes.data == codes_of(trained->encoder, slices).data);
  // Standardised codes with two deviations of noise have a variance near five.
  double squares = 0;
  std::size_t live = 0;
  for (const float value : codes.data) {
    squares += static_cast<double>(value) * static_cast<double>(value);
    if (value != 0) ++live;
  }
  CHECK(squares / static_cast<double>(live) > 3.5);
  auto other = toy_secret();
  other.back() ^= 1;
  const auto again = train_image_encoder(slices, options_with(loud, 4), other, toy_job());
  REQUIRE(again);
  CHECK(codes.data != codes_of(again->encoder, slices).data);
}

TEST_CASE("an encoder that works against its decoder keeps less of the image", "[networks]") {
  const auto slices = toy_slices(6);
  const Hardening open{.reconstruction_weight = 1,
                       .adversary_weight = 0,
                       .code_channels = 128,
                       .code_bits = 0,
                       .code_noise = 0};
  Hardening closed = open;
  closed.reconstruction_weight = 0;
  closed.adversary_weight = 10;
  const auto kept = train_image_encoder(slices, options_with(open, 120), toy_secret(), toy_job());
  const auto lost = train_image_encoder(slices, options_with(closed, 120), toy_secret(), toy_job());
  REQUIRE(kept);
  REQUIRE(lost);
  CHECK(lost->unexplained > 1.2 * kept->unexplained);
}

TEST_CASE("a hardened encoder needs masks and a sound file", "[networks]") {
  auto slices = toy_slices(4);
  const auto trained = train_image_encoder(slices, options_with({}, 2), toy_secret(), toy_job());
  REQUIRE(trained);
  slices.labels.clear();
  const auto unlabelled = train_image_encoder(slices, options_with({}, 2), toy_secret(), toy_job());
  REQUIRE_FALSE(unlabelled);
  CHECK(unlabelled.error().code == "encoder.no_masks");
  Bytes file = trained->encoder;
  const std::string name = "noise_key";
  const auto at = std::search(file.begin(), file.end(), name.begin(), name.end());
  REQUIRE(at != file.end());
  *at = 'm';
  const auto damaged = Encoder::load(file, toy_job().compute);
  REQUIRE_FALSE(damaged);
  CHECK(damaged.error().code == "weights.noise_key");
}

TEST_CASE("every way to learn an encoder learns in mixed precision too", "[networks]") {
  const auto slices = toy_slices(4);
  Job mixed = toy_job();
  mixed.compute.device.mixed = true;
  for (const auto learning :
       {EncoderLearning::reconstruct, EncoderLearning::task, EncoderLearning::hardened}) {
    ImageEncoderOptions options = options_with({.code_channels = 20, .code_bits = 3}, 4);
    options.learning = learning;
    const auto trained = train_image_encoder(slices, options, toy_secret(), mixed);
    INFO(static_cast<int>(learning) << (trained ? "" : to_string(trained.error())));
    REQUIRE(trained);
    for (const float value : codes_of(trained->encoder, slices).data) REQUIRE(std::isfinite(value));
  }
  const auto mask = train_mask_encoder(slices, {.recipe = toy_recipe(4)}, toy_secret(), mixed);
  INFO((mask ? "" : to_string(mask.error())));
  CHECK(mask);
}
