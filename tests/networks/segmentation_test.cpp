#include <signal.h>
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "base/prng.h"
#include "networks/scratch_codes.h"
#include "networks/segmentation.h"
#include "networks/views.h"
#include "tests/support/small_disk.h"
#include "tests/support/temp_folder.h"
#include "toy_data.h"

using namespace cloister;
using namespace cloister::networks;
using namespace cloister::networks::testing;

namespace {

constexpr std::int64_t side = 4;

// Mask codes that are a fixed mixing of the image codes, another one at each site.
CodePairs toy_pairs(int site, std::int64_t count) {
  CodePairs pairs;
  Prng prng(static_cast<std::uint64_t>(site) + 1);
  const std::vector<std::int64_t> shape{count, code_channels, side, side};
  const auto floats = static_cast<std::size_t>(count * code_channels * side * side);
  pairs.image_codes = {shape, std::vector<float>(floats)};
  pairs.mask_codes = {shape, std::vector<float>(floats)};
  for (std::size_t i = 0; i < floats; ++i) {
    pairs.image_codes.data[i] = static_cast<float>(prng.normal());
    pairs.mask_codes.data[i] = (site == 0 ? 0.5f : -0.5f) * pairs.image_codes.data[i];
  }
  for (std::int64_t i = 0; i < count; ++i) {
    pairs.slice.push_back(i);
    pairs.view.push_back(0);
  }
  return pairs;
}

CodesInMemory toy_codes() {
  CodesInMemory codes(2);
  for (int site = 0; site < 2; ++site)
    REQUIRE(codes.add_shard(site, *write_code_shard(toy_pairs(site, 12))));
  return codes;
}

SegmentationOptions toy_options(Pooling pooling, std::int64_t steps) {
  SegmentationOptions options;
  options.pooling = pooling;
  options.levels = 1;
  options.recipe = toy_recipe(steps);
  return options;
}

double error_of(const SegmentationNetwork& network, int site) {
  const auto pairs = toy_pairs(site, 12);
  const auto predicted = network.predict(pairs.image_codes, site);
  REQUIRE(predicted);
  REQUIRE(predicted->shape == pairs.mask_codes.shape);
  double error = 0;
  for (std::size_t i = 0; i < predicted->data.size(); ++i) {
    const double difference = predicted->data[i] - pairs.mask_codes.data[i];
    error += difference * difference;
  }
  return error / static_cast<double>(predicted->data.size());
}

}  // namespace

TEST_CASE("an adapted network tells sites apart where a plain one cannot", "[networks]") {
  auto codes = toy_codes();
  const auto adapted = train_segmentation(codes, toy_options(Pooling::adapted, 120), toy_job());
  const auto plain = train_segmentation(codes, toy_options(Pooling::plain, 120), toy_job());
  REQUIRE(adapted);
  REQUIRE(plain);
  REQUIRE(adapted->site_loss.size() == 2);
  const auto knowing = SegmentationNetwork::load(adapted->network, toy_job().compute);
  const auto blind = SegmentationNetwork::load(plain->network, toy_job().compute);
  REQUIRE(knowing);
  REQUIRE(blind);
  CHECK(knowing->sites() == 2);
  CHECK(blind->sites() == 1);
  CHECK(blind->pooling() == Pooling::plain);
  CHECK(error_of(*knowing, 0) + error_of(*knowing, 1) <
        0.8 * (error_of(*blind, 0) + error_of(*blind, 1)));
  CHECK(knowing->predict(toy_pairs(0, 1).image_codes, 2).error().code == "predict.site");
  CHECK(knowing->predict({{1, 3, 4, 4}, std::vector<float>(48)}, 0).error().code ==
        "predict.shape");
}

TEST_CASE("guided pooling looks through each site's mask decoder, and only it takes decoders",
          "[networks]") {
  auto codes = toy_codes();
  MaskEncoderOptions mask;
  mask.recipe = toy_recipe(2);
  mask.attempts_max = 1;
  const auto trained = train_mask_encoder(toy_slices(4), mask, toy_secret(1), toy_job());
  REQUIRE(trained);
  const std::vector<Bytes> decoders(2, trained->decoder);
  auto options = toy_options(Pooling::guided, 30);
  const auto guided = train_segmentation(codes, options, toy_job(), decoders);
  REQUIRE(guided);
  const auto network = SegmentationNetwork::load(guided->network, toy_job().compute);
  REQUIRE(network);
  CHECK(network->pooling() == Pooling::guided);
  CHECK(network->sites() == 2);
  options.guidance = 0;
  const auto blind = train_segmentation(codes, options, toy_job(), decoders);
  REQUIRE(blind);
  CHECK(blind->network != guided->network);
  CHECK(train_segmentation(codes, options, toy_job()).error().code == "segmentation.decoders");
  CHECK(train_segmentation(codes, toy_options(Pooling::adapted, 2), toy_job(), decoders)
            .error()
            .code == "segmentation.decoders");
  const std::vector<Bytes> wrong(2, trained->encoder);
  CHECK(train_segmentation(codes, options, toy_job(), wrong).error().code == "weights.kind");
}

TEST_CASE("mixed precision learns what single precision does, and the same each time",
          "[networks]") {
  auto codes = toy_codes();
  const auto options = toy_options(Pooling::adapted, 60);
  Job mixed = toy_job();
  mixed.compute.device.mixed = true;
  const auto single = train_segmentation(codes, options, toy_job());
  const auto first = train_segmentation(codes, options, mixed);
  const auto second = train_segmentation(codes, options, mixed);
  REQUIRE(single);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->network == second->network);
  CHECK(first->network != single->network);
  CHECK(first->final_loss == Approx(single->final_loss).epsilon(0.05));
  // It ends with the training: the next one is in single precision again.
  CHECK(train_segmentation(codes, options, toy_job())->network == single->network);
}

TEST_CASE("pooled training stops, resumes and ends with the same bytes", "[networks]") {
  auto codes = toy_codes();
  const auto options = toy_options(Pooling::adapted, 20);
  const auto straight = train_segmentation(codes, options, toy_job());
  REQUIRE(straight);
  Bytes checkpoint;
  int asked = 0;
  Job job = toy_job();
  job.hooks.checkpoint = [&](BytesView bytes) { checkpoint.assign(bytes.begin(), bytes.end()); };
  job.hooks.should_stop = [&] { return asked++ == 10; };
  REQUIRE_FALSE(train_segmentation(codes, options, job));
  Job rest = toy_job();
  rest.hooks.resume_from = checkpoint;
  const auto resumed = train_segmentation(codes, options, rest);
  REQUIRE(resumed);
  CHECK(resumed->network == straight->network);
}

TEST_CASE("codes of another grid, a site without codes and bad options are refused", "[networks]") {
  CodesInMemory codes(2);
  REQUIRE(codes.add_shard(0, *write_code_shard(toy_pairs(0, 3))));
  auto other = toy_pairs(0, 1);
  other.image_codes.shape = other.mask_codes.shape = {1, code_channels, 2, 8};
  CHECK(codes.add_shard(1, *write_code_shard(other)).error().code == "codes.grid");
  const auto options = toy_options(Pooling::plain, 2);
  CHECK(train_segmentation(codes, options, toy_job()).error().code == "segmentation.empty_site");
  REQUIRE(codes.add_shard(1, *write_code_shard(toy_pairs(1, 3))));
  auto bad = options;
  bad.levels = 5;
  CHECK(train_segmentation(codes, bad, toy_job()).error().code == "segmentation.levels");
  bad = options;
  bad.recipe.batch = 1;
  CHECK(train_segmentation(codes, bad, toy_job()).error().code == "training.recipe");
  CHECK(train_segmentation(codes, options, toy_job()));
}

TEST_CASE("codes in a scratch file train the same network as codes in memory, and leave nothing",
          "[networks]") {
  const test::TempFolder folder;
  const std::uint8_t pad = 0x5a;
  auto hidden = ScratchCodes::create(2, folder.path(), [&](std::uint64_t offset, auto bytes) {
    CHECK(offset % 64 == 0);
    for (std::uint8_t& byte : bytes) byte ^= pad;
  });
  REQUIRE(hidden);
  for (int site = 0; site < 2; ++site)
    REQUIRE(hidden->add_shard(site, *write_code_shard(toy_pairs(site, 12))));
  CHECK(std::filesystem::is_empty(folder.path()));
  CHECK(hidden->samples(1) == 12);
  auto other = toy_pairs(0, 1);
  other.image_codes.shape = other.mask_codes.shape = {1, code_channels, 2, 8};
  CHECK(hidden->add_shard(1, *write_code_shard(other)).error().code == "codes.grid");

  CodesInMemory memory = toy_codes();
  const auto options = toy_options(Pooling::adapted, 20);
  const auto from_file = train_segmentation(*hidden, options, toy_job());
  REQUIRE(from_file);
  CHECK(from_file->network == train_segmentation(memory, options, toy_job())->network);

  CHECK(ScratchCodes::create(1, folder.path() / "none").error().code == "codes.scratch");
}

TEST_CASE("a full disk under the scratch file is told from any other fault of it", "[networks]") {
  const test::TempFolder folder;
  const auto shard = write_code_shard(toy_pairs(0, 30));  // 240 KiB
  REQUIRE(shard);
  test::on_a_small_disk(folder.path(), [&] {
    const auto until_it_fails = [&]() -> Error {
      auto codes = ScratchCodes::create(1, folder.path());
      Result<void> added;
      for (int i = 0; i < 10 && added; ++i) added = codes->add_shard(0, *shard);
      return added ? Error{} : added.error();
    };
    const Error full = until_it_fails();
    if (full.code != "codes.scratch_full" || full.kind != Kind::exhausted) return 1;
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100'000, 100'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    const Error too_large = until_it_fails();
    return too_large.code == "codes.scratch" && too_large.kind == Kind::unavailable ? 0 : 2;
  });
}

TEST_CASE("a shard holds what was put in, at half precision", "[networks]") {
  const auto pairs = toy_pairs(1, 3);
  const auto shard = write_code_shard(pairs);
  REQUIRE(shard);
  const auto back = read_code_shard(*shard);
  REQUIRE(back);
  CHECK(back->slice == pairs.slice);
  CHECK(back->image_codes.shape == pairs.image_codes.shape);
  for (std::size_t i = 0; i < pairs.image_codes.data.size(); ++i)
    REQUIRE(back->image_codes.data[i] == Approx(pairs.image_codes.data[i]).epsilon(1e-3));
  auto huge = pairs;
  huge.mask_codes.data[0] = 1e6f;
  CHECK(write_code_shard(huge).error().code == "codes.range");
  auto uneven = pairs;
  uneven.slice.pop_back();
  uneven.view.pop_back();
  CHECK(read_code_shard(*write_code_shard(uneven)).error().code == "codes.shard");
}
