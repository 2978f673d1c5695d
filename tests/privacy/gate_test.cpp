// An attack that cannot win is a defect: each must succeed where it should.
#include "privacy/gate.h"

#include <catch2/catch.hpp>

#include "privacy/attacks.h"
#include "privacy/linear_attack.h"
#include "tests/privacy/blobs.h"

using namespace cloister;
using namespace cloister::privacy;
using namespace cloister::privacy::testing;

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

namespace {

GateInput input_of(const networks::SliceSet& own, const networks::SliceSet& held_out,
                   const networks::Job& job) {
  GateInput input;
  input.held_out = held_out;
  input.own = own;
  input.foreign.recipe.steps = 20;
  input.foreign_mask.recipe.steps = 20;
  input.foreign_mask.structures = 1;
  input.structures = 1;
  auto learning = input.foreign;
  learning.recipe.steps = 80;  // enough to see something of the images
  const auto image = networks::train_image_encoder(own, learning, Bytes(16, 1), job);
  REQUIRE(image.has_value());
  const auto mask = networks::train_mask_encoder(own, input.foreign_mask, Bytes(16, 2), job);
  REQUIRE(mask.has_value());
  input.image_encoder = image->encoder;
  input.image_decoder = image->decoder;
  input.mask_decoder = mask->decoder;
  input.codes = networks::Encoder::load(image->encoder, job.compute)->encode(held_out).value();
  input.mask_codes = networks::Encoder::load(mask->encoder, job.compute)->encode(held_out).value();
  input.thresholds = {
      {"re-identification", 0.05, 0.20, false}, {"channel-correlation", 0.5, 0.7, false},
      {"surrogate-decoder", 0.10, 0.30, false}, {"known-plaintext-pairs", 64, 16, true},
      {"foreign-decoder", 0.15, 0.30, false},   {"mask-leakage", 0.05, 0.15, false},
      {"attribute-probe", 0.05, 0.10, false},   {"mask-ceiling", 0.93, 0.90, true}};
  Attribute parity{"parity", false, {}};
  for (const auto& set : {own, held_out}) {
    for (const std::int64_t patient : set.patient)
      parity.value[patient] = patient % 2 ? "odd" : "even";
  }
  input.attributes = {parity};
  return input;
}

const Indicator& named(const GateReport& report, std::string_view name) {
  for (const Indicator& one : report.indicators) {
    if (one.name == name) return one;
  }
  FAIL("no indicator " << name);
  return report.indicators.front();
}

}  // namespace

TEST_CASE("the gate judges every attacker of a site's own codes", "[privacy]") {
  const networks::Job job{.compute = {.threads = 1}};
  const GateInput input = input_of(blobs(8, 8), blobs(6, 9), job);
  const auto report = assess(input, job);
  REQUIRE(report.has_value());
  for (const auto* name :
       {"re-identification", "channel-correlation", "surrogate-decoder", "known-plaintext-pairs",
        "foreign-decoder", "mask-leakage", "attribute-parity", "mask-ceiling"}) {
    const Indicator& one = named(*report, name);
    INFO(name);
    CHECK_FALSE(one.attacker.empty());
    CHECK_FALSE(one.plain.empty());
    CHECK_FALSE(one.gallery.empty());
    CHECK(one.interval.low <= one.interval.high);
    CHECK(one.patients > 0);
  }
  CHECK(named(*report, "mask-ceiling").verdict == Verdict::fail);  // twenty steps keep no mask
  CHECK(report->verdict == Verdict::fail);
  CHECK(named(*report, "re-identification").chance == Approx(1.0 / 18));
  CHECK(report->examples.size() == 4);
  CHECK(report->notes.size() == 3);
  // The true decoder is the ceiling: it must see at least as much as blind guessing.
  INFO("true decoder " << report->own_decoder_top1);
  CHECK(report->own_decoder_top1 > 1.0 / 18);
}

TEST_CASE("a gate stopped in any attack and resumed reports the same", "[privacy]") {
  networks::Job job{.compute = {.threads = 1}};
  const GateInput input = input_of(blobs(8, 8), blobs(6, 9), job);
  const auto whole = assess(input, job);
  REQUIRE(whole.has_value());
  const std::int64_t all = attack_steps_of(input);
  for (const std::int64_t stop : {std::int64_t{5}, all / 3, 2 * all / 3, all - 3}) {
    INFO("stopped at step " << stop << " of " << all);
    Bytes checkpoint;
    std::int64_t seen = 0;
    job.hooks.progress_every_steps = 1;
    job.hooks.progress = [&](const networks::Progress& progress) {
      CHECK(progress.steps == all);
      seen = progress.step;
    };
    job.hooks.checkpoint = [&](BytesView bytes) { checkpoint.assign(bytes.begin(), bytes.end()); };
    job.hooks.should_stop = [&] { return seen >= stop; };
    const auto stopped = assess(input, job);
    REQUIRE_FALSE(stopped.has_value());
    CHECK(stopped.error().code == "training.stopped");
    job.hooks = {};
    job.hooks.resume_from = checkpoint;
    const auto resumed = assess(input, job);
    REQUIRE(resumed.has_value());
    for (std::size_t i = 0; i < whole->indicators.size(); ++i) {
      CHECK(resumed->indicators[i].value == whole->indicators[i].value);
    }
    job.hooks = {};
  }
  job.hooks.resume_from = to_bytes("garbage");
  const auto garbage = assess(input, job);
  REQUIRE_FALSE(garbage.has_value());
  CHECK(garbage.error().code == "privacy.bad_checkpoint");
}

TEST_CASE("too few patients warn and never pass", "[privacy]") {
  const networks::Job job{.compute = {.threads = 1}};
  GateInput input = input_of(blobs(6, 8), blobs(3, 9), job);
  // Thresholds that nothing could fail.
  for (GateThreshold& one : input.thresholds) {
    one.pass = one.higher_is_better ? 0 : 2;
    one.fail = one.higher_is_better ? 0 : 3;
  }
  const auto report = assess(input, job);
  REQUIRE(report.has_value());
  for (const Indicator& one : report->indicators) {
    INFO(one.name);
    CHECK(one.verdict == Verdict::warn);
  }
}

TEST_CASE("the gate refuses to judge without anything to attack", "[privacy]") {
  GateInput input;
  input.held_out = blobs(0, 1);
  const auto report = assess(input, {});
  REQUIRE_FALSE(report.has_value());
  CHECK(report.error().code == "privacy.no_gallery");
}
