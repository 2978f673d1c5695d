// Time of one training step of each network, as its jobs run it: draw a batch, forward, backward,
// clip, AdamW, average of the weights. Prints one JSON line a network: name, median milliseconds by
// the wall clock and of processor time (steadier than the wall's on a busy machine).
//
//   networks_bench [THREADS [STEPS [DEVICE]]]     "cpu" or "cuda"; bench/networks_bench.py runs it
//   beside PyTorch
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>

#include "base/prng.h"
#include "networks/encoders.h"
#include "networks/segmentation.h"
#include "networks/views.h"

using namespace cloister;
using namespace cloister::networks;

namespace {

constexpr int side = 192;
constexpr int batch = 4;
constexpr int slices_count = 16;
constexpr int warmup_steps = 3;

SliceSet random_slices() {
  SliceSet slices;
  slices.height = slices.width = side;
  Prng prng(1);
  for (int i = 0; i < slices_count; ++i) {
    for (std::size_t p = 0; p < slices.pixels(); ++p) {
      slices.images.push_back(static_cast<float>(prng.normal()));
      slices.labels.push_back(static_cast<std::uint8_t>(prng.below(4)));
    }
    slices.volume.push_back(i);
    slices.patient.push_back(i);
  }
  return slices;
}

CodesInMemory random_codes() {
  CodePairs pairs;
  Prng prng(2);
  const std::vector<std::int64_t> shape{slices_count, code_channels, side / 16, side / 16};
  const std::size_t floats = slices_count * 128 * (side / 16) * (side / 16);
  pairs.image_codes = {shape, std::vector<float>(floats)};
  pairs.mask_codes = pairs.image_codes;
  for (auto& value : pairs.image_codes.data) value = static_cast<float>(prng.normal());
  for (auto& value : pairs.mask_codes.data) value = static_cast<float>(prng.normal());
  pairs.slice.resize(slices_count);
  pairs.view.resize(slices_count);
  CodesInMemory codes(1);
  (void)codes.add_shard(0, *write_code_shard(pairs));
  return codes;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

class StepTimer {
 public:
  explicit StepTimer(const Compute& compute) {
    job_.compute = compute;
    job_.hooks.progress_every_steps = 1;
    job_.hooks.progress = [this](const Progress&) {
      const auto now = std::chrono::steady_clock::now();
      const auto used = std::clock();
      if (seen_++ >= warmup_steps) {
        wall_.push_back(std::chrono::duration<double, std::milli>(now - last_).count());
        processor_.push_back(static_cast<double>(used - used_last_) * 1e3 / CLOCKS_PER_SEC);
      }
      last_ = now;
      used_last_ = used;
    };
  }
  [[nodiscard]] const Job& job() const { return job_; }
  void print(const char* name) {
    fmt::print("{{\"network\":\"{}\",\"ms\":{:.2f},\"cpu_ms\":{:.2f}}}\n", name, median(wall_),
               median(processor_));
    std::fflush(stdout);
  }

 private:
  Job job_;
  int seen_ = 0;
  std::chrono::steady_clock::time_point last_;
  std::clock_t used_last_ = 0;
  std::vector<double> wall_, processor_;
};

void segmentation(const char* name, int levels, const Compute& compute,
                  const TrainingRecipe& recipe) {
  StepTimer timer(compute);
  auto codes = random_codes();
  SegmentationOptions options;
  options.pooling = Pooling::plain;
  options.levels = levels;
  options.code_noise = 0;
  options.recipe = recipe;
  if (train_segmentation(codes, options, timer.job())) timer.print(name);
}

}  // namespace

int main(int count, char** arguments) {
  Compute compute;
  compute.threads = count > 1 ? std::atoi(arguments[1]) : 2;
  if (const auto device = parse_device(count > 3 ? arguments[3] : "cpu")) compute.device = *device;
  TrainingRecipe recipe;
  recipe.steps = warmup_steps + (count > 2 ? std::atoi(arguments[2]) : 25);
  recipe.batch = batch;
  const auto slices = random_slices();
  const Bytes secret(16, 1);
  {
    StepTimer timer(compute);
    ImageEncoderOptions options;
    options.recipe = recipe;
    options.augmentation = no_augmentation();
    if (train_image_encoder(slices, options, secret, timer.job())) timer.print("image-encoder");
  }
  {
    StepTimer timer(compute);
    MaskEncoderOptions options;
    options.recipe = recipe;
    options.augmentation = no_augmentation();
    options.code_noise = 0;
    options.attempts_max = 1;
    if (train_mask_encoder(slices, options, secret, timer.job())) timer.print("mask-encoder");
  }
  segmentation("segmentation-2", 2, compute, recipe);
  segmentation("segmentation-4", 4, compute, recipe);
  return 0;
}
