// An attack that cannot win is a defect: each must succeed where it should.
#include "privacy/gate.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "base/prng.h"
#include "privacy/attacks.h"
#include "privacy/linear_attack.h"

using namespace cloister;
using namespace cloister::privacy;

namespace {

constexpr int side = 48;
constexpr int grid = side / 16;

// Smooth blobs, another set for each patient: three slices a patient.
networks::SliceSet blobs(std::size_t patients, std::uint64_t seed) {
  networks::SliceSet slices;
  slices.height = side;
  slices.width = side;
  for (std::size_t patient = 0; patient < patients; ++patient) {
    for (int slice = 0; slice < 3; ++slice) {
      Prng prng(seed * 1000 + patient * 10 + static_cast<std::uint64_t>(slice));
      std::vector<double> x, y, weight;
      for (int b = 0; b < 6; ++b) {
        x.push_back(prng.uniform(8, 40));
        y.push_back(prng.uniform(8, 40));
        weight.push_back(prng.uniform(-2, 2));
      }
      for (int row = 0; row < side; ++row) {
        for (int column = 0; column < side; ++column) {
          double value = 0;
          for (std::size_t b = 0; b < x.size(); ++b) {
            value +=
                weight[b] * std::exp(-(std::pow(row - y[b], 2) + std::pow(column - x[b], 2)) / 60);
          }
          slices.images.push_back(static_cast<float>(value));
        }
      }
      slices.labels.resize(slices.images.size(), 0);
      slices.volume.push_back(static_cast<std::int64_t>(patient));
      slices.patient.push_back(static_cast<std::int64_t>(patient));
    }
  }
  return slices;
}

// The identity encoder: the 16 x 16 pixels under each cell as 256 channels.
networks::FloatTensor identity_codes(const networks::SliceSet& slices) {
  networks::FloatTensor codes{{static_cast<std::int64_t>(slices.size()), 256, grid, grid}, {}};
  for (std::size_t n = 0; n < slices.size(); ++n) {
    for (std::size_t c = 0; c < 256; ++c) {
      for (std::size_t cell = 0; cell < grid * grid; ++cell) {
        const std::size_t row = cell / grid * 16 + c / 16;
        const std::size_t column = cell % grid * 16 + c % 16;
        codes.data.push_back(slices.images[n * side * side + row * side + column]);
      }
    }
  }
  return codes;
}

networks::FloatTensor noise_codes(std::size_t n, std::uint64_t seed) {
  Prng prng(seed);
  networks::FloatTensor codes{{static_cast<std::int64_t>(n), 32, grid, grid}, {}};
  codes.data.resize(n * 32 * grid * grid);
  for (float& value : codes.data) value = static_cast<float>(prng.normal());
  return codes;
}

networks::FloatTensor as_images(const networks::SliceSet& slices) {
  return {{static_cast<std::int64_t>(slices.size()), 1, side, side}, slices.images};
}

}  // namespace

TEST_CASE("re-identification finds every raw image and none of a constant one", "[privacy]") {
  const auto slices = blobs(10, 1);
  const Gallery gallery = make_gallery(slices);
  REQUIRE(gallery.size() == 30);
  CHECK(gallery.patients() == 10);
  CHECK(re_identify(crops_of(as_images(slices), gallery), gallery).hits == 30);
  auto flat = as_images(slices);
  std::fill(flat.data.begin(), flat.data.end(), 1.0F);
  CHECK(re_identify(crops_of(flat, gallery), gallery).hits == 0);
}

TEST_CASE("re-identification still wins on lightly blurred images", "[privacy]") {
  const auto slices = blobs(10, 2);
  auto blurred = as_images(slices);
  for (std::size_t i = 1; i + 1 < blurred.data.size(); ++i) {
    blurred.data[i] = (slices.images[i - 1] + slices.images[i] + slices.images[i + 1]) / 3;
  }
  const Gallery gallery = make_gallery(slices);
  CHECK(re_identify(crops_of(blurred, gallery), gallery).top1() > 0.95);
}

TEST_CASE("the linear attack undoes an identity encoder from sixteen leaked pairs", "[privacy]") {
  const auto own = blobs(8, 3);
  const auto target = blobs(10, 4);
  std::vector<std::size_t> rows(16);
  for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = i;
  const auto made = linear_attack(
      {rows_at(as_images(own), rows), rows_at(identity_codes(own), rows)}, identity_codes(target));
  REQUIRE(made.has_value());
  const Gallery gallery = make_gallery(target);
  CHECK(re_identify(crops_of(*made, gallery), gallery).top1() > 0.9);
}

TEST_CASE("the linear attack learns nothing from codes that are noise", "[privacy]") {
  const auto own = blobs(8, 5);
  const auto target = blobs(10, 6);
  const auto made =
      linear_attack({as_images(own), noise_codes(own.size(), 1)}, noise_codes(target.size(), 2));
  REQUIRE(made.has_value());
  const Gallery gallery = make_gallery(target);
  CHECK(re_identify(crops_of(*made, gallery), gallery).top1() < 0.2);
}

TEST_CASE("a channel that is the image shows as a correlation of one", "[privacy]") {
  const auto slices = blobs(6, 7);
  auto codes = noise_codes(slices.size(), 3);
  CHECK(channel_correlation(slices, codes).largest < 0.3);
  for (std::size_t n = 0; n < slices.size(); ++n) {
    for (std::size_t cell = 0; cell < grid * grid; ++cell) {
      float mean = 0;
      for (std::size_t p = 0; p < 256; ++p) {
        mean += slices.images[n * side * side + (cell / grid * 16 + p / 16) * side +
                              cell % grid * 16 + p % 16] /
                256;
      }
      codes.data[(n * 32 + 9) * grid * grid + cell] = -3 * mean + 1;
    }
  }
  const ChannelCorrelation found = channel_correlation(slices, codes);
  CHECK(found.channel == 9);
  CHECK(found.largest == Approx(1).margin(1e-4));
}

TEST_CASE("the gate judges a site's own codes and shows what the stolen decoder would see",
          "[privacy]") {
  const auto own = blobs(6, 8);
  const auto held_out = blobs(4, 9);
  networks::ImageEncoderOptions options;
  options.recipe.steps = 30;
  const networks::Job job{.compute = {.threads = 1}};
  auto trained = networks::train_image_encoder(own, options, Bytes(16, 1), job);
  REQUIRE(trained.has_value());
  auto encoder = networks::Encoder::load(trained->encoder, job.compute);
  REQUIRE(encoder.has_value());
  GateInput input;
  input.held_out = held_out;
  input.codes = encoder->encode(held_out).value();
  input.own = own;
  input.image_encoder = trained->encoder;
  input.image_decoder = trained->decoder;
  input.mask_ceilings = {0.95, 0.80};
  input.mask_patients = 6;
  input.thresholds = {{"re-identification", 0.05, 0.20, false},
                      {"channel-correlation", 0.5, 0.7, false},
                      {"known-plaintext-pairs", 64, 16, true},
                      {"foreign-decoder", 0.15, 0.30, false},
                      {"mask-ceiling", 0.93, 0.90, true}};
  input.foreign = options;
  auto report = assess(input, job);
  REQUIRE(report.has_value());
  REQUIRE(report->indicators.size() == 5);
  CHECK(report->verdict == Verdict::fail);  // the mask ceiling alone fails
  CHECK(report->indicators[4].verdict == Verdict::fail);
  CHECK(report->indicators[0].chance == Approx(1.0 / 12));
  CHECK(report->indicators[0].patients == 4);
  CHECK(report->examples.size() == 4);
  // The true decoder is the ceiling: it must see at least as much as blind guessing, and repeat.
  CHECK(report->own_decoder_top1 > 1.0 / 12);
  const auto again = assess(input, job);
  REQUIRE(again.has_value());
  for (std::size_t i = 0; i < 5; ++i) {
    CHECK(again->indicators[i].value == report->indicators[i].value);
  }
}

TEST_CASE("the gate refuses to judge without anything to attack", "[privacy]") {
  GateInput input;
  input.held_out = blobs(0, 1);
  const auto report = assess(input, {});
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().code == "privacy.no_gallery");
}
