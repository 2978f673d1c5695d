#include <catch2/catch.hpp>

#include "networks/layers.h"

using namespace cloister::networks;

namespace {

struct Expected {
  const char* name;
  std::int64_t channels, height, width;
};

void check(const LayerTable& table, const std::vector<Expected>& expected) {
  REQUIRE(table.layers.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    INFO(expected[i].name);
    CHECK(table.layers[i].name == expected[i].name);
    CHECK(table.layers[i].channels == expected[i].channels);
    CHECK(table.layers[i].height == expected[i].height);
    CHECK(table.layers[i].width == expected[i].width);
  }
}

// [Conv 3x3 without bias, BN] x 2.
std::int64_t block(std::int64_t from, std::int64_t to, std::int64_t sites = 1) {
  return 9 * from * to + 9 * to * to + sites * 4 * to;
}
std::int64_t pooling(std::int64_t c, std::int64_t sites = 1) {
  return 4 * (c * c / 4 + sites * 2 * c / 4) + 2 * c * c + sites * 2 * c;
}

}  // namespace

TEST_CASE("the image encoding network has the paper's table of shapes", "[networks]") {
  const auto table = autoencoder_layers(1, 256, 256);
  REQUIRE(table);
  check(*table, {{"encoder.0", 8, 256, 256},
                 {"encoder.1", 16, 128, 128},
                 {"encoder.2", 32, 64, 64},
                 {"encoder.3", 64, 32, 32},
                 {"encoder.4", 128, 16, 16},
                 {"decoder.3", 64, 32, 32},
                 {"decoder.2", 32, 64, 64},
                 {"decoder.1", 16, 128, 128},
                 {"decoder.0", 8, 256, 256},
                 {"output", 1, 256, 256}});
  const auto down = block(1, 8) + block(8, 16) + block(16, 32) + block(32, 64) + block(64, 128);
  const auto up = block(128, 64) + block(64, 32) + block(32, 16) + block(16, 8);
  CHECK(table->parameters == down + up + 8 + 1);
  CHECK(table->parameters == 442769);
}

TEST_CASE("the mask encoding network has channels by number of classes", "[networks]") {
  const auto table = autoencoder_layers(4, 192, 192);
  REQUIRE(table);
  CHECK(table->layers[4].channels == 128);
  CHECK(table->layers[4].height == 12);
  CHECK(table->layers.back().channels == 4);
  CHECK(table->layers.back().height == 192);
  CHECK(table->parameters == 442769 + 9 * 3 * 8 + 3 * 8 + 3);
}

TEST_CASE("the segmentation network is larger inside than its code", "[networks]") {
  SegmentationOptions options;
  options.pooling = Pooling::plain;
  options.levels = 4;
  const auto table = segmentation_layers(options, 1, 16, 16);
  REQUIRE(table);
  check(*table, {{"input_pooling", 128, 16, 16},
                 {"up.1", 64, 32, 32},
                 {"up.2", 32, 64, 64},
                 {"up.3", 16, 128, 128},
                 {"up.4", 8, 256, 256},
                 {"down.4", 16, 128, 128},
                 {"down.3", 32, 64, 64},
                 {"down.2", 64, 32, 32},
                 {"down.1", 128, 16, 16},
                 {"output_pooling", 128, 16, 16},
                 {"output", 128, 16, 16}});
  const auto up = block(128, 64) + block(64, 32) + block(32, 16) + block(16, 8);
  const auto down = block(8, 16) + block(16, 32) + block(32, 64) + block(64, 128);
  CHECK(table->parameters == 2 * pooling(128) + up + down + 128 * 128 + 128);
}

TEST_CASE("each site of an adapted network adds adapters and batch-norms only", "[networks]") {
  SegmentationOptions options;
  options.levels = 2;
  const auto one = segmentation_layers(options, 1, 12, 12);
  const auto three = segmentation_layers(options, 3, 12, 12);
  REQUIRE(one);
  REQUIRE(three);
  CHECK(one->layers.size() == three->layers.size());
  const std::int64_t adapters = 2 * (128 * 128 + 128);
  const std::int64_t norms = 2 * (4 * 2 * 32 + 2 * 128) + 4 * (64 + 32 + 64 + 128);
  CHECK(three->parameters - one->parameters == 2 * (adapters + norms));
}
