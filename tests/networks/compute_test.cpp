#include <catch2/catch.hpp>

#include "networks/gpu_memory.h"
#include "networks/job.h"
#include "networks/seeds.h"

using namespace cloister;
using namespace cloister::networks;

TEST_CASE("devices are named cpu, cuda or cuda:n", "[networks]") {
  CHECK(to_string(*parse_device("cpu")) == "cpu");
  CHECK(to_string(*parse_device("cuda")) == "cuda:0");
  CHECK(to_string(*parse_device("cuda:3")) == "cuda:3");
  CHECK(to_string(*parse_device("cpu mixed")) == "cpu mixed");
  CHECK(to_string(*parse_device("cuda mixed")) == "cuda:0 mixed");
  CHECK(parse_device("cuda:3 mixed")->mixed);
  CHECK_FALSE(parse_device("cuda:3")->mixed);
  for (const char* wrong : {"", "gpu", "cuda:", "cuda:-1", "cuda:1x", "CPU", " mixed", "mixed"})
    CHECK(parse_device(wrong).error().code == "device.unknown");
}

TEST_CASE("a device that is not there is a clear error", "[networks]") {
  const int there = compute_facts().cuda_devices;
  const auto ready = prepare_compute({{Device::Type::cuda, there}, 1});
  REQUIRE_FALSE(ready);
  CHECK(ready.error().code == "device.not_there");
  CHECK(ready.error().kind == Kind::unsupported);
  CHECK(prepare_compute({{}, 1}));
}

TEST_CASE("a share of a GPU's memory is held, or refused where LibTorch cannot hold it",
          "[networks]") {
  CHECK(limit_gpu_memory({Device::Type::cpu, 0}, 0.5));
  CHECK(limit_gpu_memory({Device::Type::cuda, 0}, 1.0));
  if (compute_facts().cuda_devices > 0) return;
  const auto held = limit_gpu_memory({Device::Type::cuda, 0}, 0.5);
  REQUIRE_FALSE(held);
  CHECK(held.error().kind == Kind::unsupported);
  CHECK(held.error().what.find("50 %") != std::string::npos);
}

TEST_CASE("the BLAS in use is named, and a slow one is warned of", "[networks]") {
  const auto facts = compute_facts();
  CHECK_FALSE(facts.torch_version.empty());
  CHECK_FALSE(facts.blas.empty());
  CHECK(facts.fast_blas == facts.warning.empty());
}

TEST_CASE("every byte of a secret seed matters to every draw", "[networks]") {
  const Bytes secret(16, 9);
  const auto draw = [](const Bytes& bytes) { return Seeds(bytes).at(Draw::step, 5); };
  for (std::size_t i = 0; i < secret.size(); ++i) {
    auto other = secret;
    other[i] ^= 0x80;
    CHECK(draw(other) != draw(secret));
  }
  const Seeds seeds(secret);
  CHECK(seeds.at(Draw::step, 5) != seeds.at(Draw::step, 6));
  CHECK(seeds.at(Draw::step, 5) != seeds.at(Draw::order, 5));
  CHECK(seeds.attempt(1).at(Draw::step, 5) != seeds.at(Draw::step, 5));
  const auto numbers = seeds.uniform(Draw::initial, 0, 10000);
  double sum = 0;
  for (const float number : numbers) {
    REQUIRE(number >= 0);
    REQUIRE(number < 1);
    sum += number;
  }
  CHECK(sum / 10000 == Approx(0.5).margin(0.02));
}

TEST_CASE("an epoch visits every sample once", "[networks]") {
  EpochOrder order(Seeds::from_public(3), 10);
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    std::vector<int> seen(10);
    for (std::uint64_t i = 0; i < 10; ++i) ++seen[order.at(epoch * 10 + i)];
    CHECK(seen == std::vector<int>(10, 1));
  }
}
