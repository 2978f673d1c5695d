// Time of one training step of each network, as its jobs run it: draw a batch, forward, backward,
// clip, AdamW, average of the weights. Prints one JSON line a network: name, median milliseconds by
// the wall clock and of processor time (steadier than the wall's on a busy machine).
//
//   networks_bench [THREADS [STEPS [DEVICE]]] [key=value ...]     "cpu" or "cuda"
//
// Keys: side=192, batch=4; augment=1: with the augmentation of real trainings; record=0: a GPU's
// steps are not recorded, to compare; trace=PREFIX: one trace of the GPU for each network
// (bench/kernel_share.py). bench/networks_bench.py runs it beside PyTorch.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <ctime>

#include "base/prng.h"
#include "bench/gpu_trace.h"
#include "networks/encoders.h"
#include "networks/plain_unet.h"
#include "networks/segmentation.h"
#include "networks/views.h"

using namespace cloister;
using namespace cloister::networks;

namespace {

constexpr int warmup_looks = 3;

struct Settings {
  Compute compute;
  TrainingRecipe recipe;
  int side = 192;
  int looks = 25;
  int steps_a_look = 1;  // on a GPU more: to look is to wait for it
  std::string trace;
  Augmentation augmentation = no_augmentation();
};

SliceSet random_slices(int side, int slices_count) {
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

CodesInMemory random_codes(int side, int slices_count) {
  CodePairs pairs;
  Prng prng(2);
  const std::vector<std::int64_t> shape{slices_count, code_channels, side / 16, side / 16};
  const auto floats = static_cast<std::size_t>(slices_count * 128 * (side / 16) * (side / 16));
  pairs.image_codes = {shape, std::vector<float>(floats)};
  pairs.mask_codes = pairs.image_codes;
  for (auto& value : pairs.image_codes.data) value = static_cast<float>(prng.normal());
  for (auto& value : pairs.mask_codes.data) value = static_cast<float>(prng.normal());
  pairs.slice.resize(static_cast<std::size_t>(slices_count));
  pairs.view.resize(static_cast<std::size_t>(slices_count));
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
  StepTimer(std::string name, const Settings& settings)
      : name_(std::move(name)), settings_(settings) {
    job_.compute = settings.compute;
    job_.hooks.progress_every_steps = settings.steps_a_look;
    job_.hooks.progress = [this](const Progress& progress) { look(progress); };
  }
  [[nodiscard]] const Job& job() const { return job_; }
  void print() {
    fmt::print("{{\"network\":\"{}\",\"ms\":{:.2f},\"cpu_ms\":{:.2f},\"loss\":{:.6f}}}\n", name_,
               median(wall_), median(processor_), loss_);
    std::fflush(stdout);
  }

 private:
  void look(const Progress& progress) {
    const auto now = std::chrono::steady_clock::now();
    const auto used = std::clock();
    const double steps = settings_.steps_a_look;
    if (seen_ >= warmup_looks) {
      wall_.push_back(std::chrono::duration<double, std::milli>(now - last_).count() / steps);
      processor_.push_back(static_cast<double>(used - used_last_) * 1e3 / CLOCKS_PER_SEC / steps);
    }
    loss_ = progress.loss;
    if (!settings_.trace.empty()) {
      if (++seen_ == warmup_looks) start_gpu_trace();
      if (progress.step == progress.steps) end_gpu_trace(settings_.trace + name_ + ".json");
    } else {
      ++seen_;
    }
    last_ = std::chrono::steady_clock::now();
    used_last_ = std::clock();
  }

  std::string name_;
  Settings settings_;
  Job job_;
  int seen_ = 0;
  double loss_ = 0;
  std::chrono::steady_clock::time_point last_;
  std::clock_t used_last_ = 0;
  std::vector<double> wall_, processor_;
};

template <class Train>
void time(std::string name, const Settings& settings, const Train& train) {
  StepTimer timer(std::move(name), settings);
  const auto trained = train(timer.job());
  if (trained) return timer.print();
  fmt::print(stderr, "{}\n", to_string(trained.error()));
  std::exit(1);
}

void encoders(const Settings& settings) {
  const auto slices = random_slices(settings.side, 4 * settings.recipe.batch);
  const Bytes secret(16, 1);
  ImageEncoderOptions image;
  image.recipe = settings.recipe;
  image.augmentation = settings.augmentation;
  time("image-encoder", settings,
       [&](const Job& job) { return train_image_encoder(slices, image, secret, job); });
  image.learning = EncoderLearning::task;
  image.backbone = Backbone::unet;
  time("image-encoder-task-unet", settings,
       [&](const Job& job) { return train_image_encoder(slices, image, secret, job); });
  MaskEncoderOptions mask;
  mask.recipe = settings.recipe;
  mask.augmentation = settings.augmentation;
  mask.code_noise = 0;
  mask.attempts_max = 1;
  time("mask-encoder", settings,
       [&](const Job& job) { return train_mask_encoder(slices, mask, secret, job); });
  PlainUnetOptions unet;
  unet.recipe = settings.recipe;
  unet.augmentation = settings.augmentation;
  time("plain-unet", settings, [&](const Job& job) { return train_plain_unet(slices, unet, job); });
}

void segmentation(const Settings& settings) {
  for (const int levels : {2, 4}) {
    auto codes = random_codes(settings.side, 4 * settings.recipe.batch);
    SegmentationOptions options;
    options.pooling = Pooling::plain;
    options.levels = levels;
    options.code_noise = 0;
    options.recipe = settings.recipe;
    time(fmt::format("segmentation-{}", levels), settings,
         [&](const Job& job) { return train_segmentation(codes, options, job); });
  }
}

void set(Settings& settings, const std::string& key, const std::string& value) {
  if (key == "side") settings.side = std::atoi(value.c_str());
  if (key == "batch") settings.recipe.batch = std::atoi(value.c_str());
  if (key == "record") settings.compute.record_steps = value != "0";
  if (key == "augment" && value != "0") settings.augmentation = Augmentation();
  if (key == "trace") settings.trace = value;
}

}  // namespace

int main(int count, char** arguments) {
  Settings settings;
  settings.compute.threads = 2;
  settings.recipe.batch = 4;
  int place = 0;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    const auto equals = argument.find('=');
    if (equals != std::string::npos) {
      set(settings, argument.substr(0, equals), argument.substr(equals + 1));
      continue;
    }
    if (place == 0) settings.compute.threads = std::atoi(arguments[i]);
    if (place == 1) settings.looks = std::atoi(arguments[i]);
    if (place == 2)
      if (const auto device = parse_device(argument)) settings.compute.device = *device;
    ++place;
  }
  if (settings.compute.device.type == Device::Type::cuda) settings.steps_a_look = 10;
  settings.recipe.steps = (warmup_looks + settings.looks) * settings.steps_a_look;
  encoders(settings);
  segmentation(settings);
  return 0;
}
