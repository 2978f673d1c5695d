#include "networks/plain_unet.h"

#include <catch2/catch.hpp>

#include "networks/score.h"
#include "networks/views.h"
#include "toy_data.h"

using namespace cloister;
using namespace cloister::networks;
using namespace cloister::networks::testing;

TEST_CASE("the plaintext U-Net learns to segment small made-up hearts", "[networks]") {
  const auto slices = toy_slices(6);
  PlainUnetOptions options;
  options.recipe = toy_recipe(120);
  const auto network = train_plain_unet(slices, options, toy_job());
  REQUIRE(network);
  const auto fresh = toy_slices(4, 99);
  const auto maps = segment_plainly(*network, fresh, toy_job().compute);
  REQUIRE(maps);
  const auto labels = most_probable(*maps);
  const auto dice = dice_by_structure({labels, fresh.labels, fresh.volume, fresh.pixels()}, 3);
  for (const double one : dice) CHECK(one > 0.6);
  const auto again = train_plain_unet(slices, options, toy_job());
  REQUIRE(again);
  CHECK(*again == *network);
}

TEST_CASE("the plaintext U-Net needs masks and a network of its own kind", "[networks]") {
  auto slices = toy_slices(2);
  PlainUnetOptions options;
  options.recipe = toy_recipe(2);
  const auto mask = train_mask_encoder(slices, {.recipe = toy_recipe(2)}, toy_secret(), toy_job());
  REQUIRE(mask);
  const auto other = segment_plainly(mask->encoder, slices, toy_job().compute);
  REQUIRE_FALSE(other);
  CHECK(other.error().code == "weights.kind");
  slices.labels.clear();
  const auto none = train_plain_unet(slices, options, toy_job());
  REQUIRE_FALSE(none);
  CHECK(none.error().code == "encoder.no_masks");
}
