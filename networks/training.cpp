#include "networks/training.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <numbers>

#include "networks/mixed_precision.h"
#include "networks/modules.h"

namespace cloister::networks {
namespace {

constexpr double adam_first = 0.9;
constexpr double adam_second = 0.999;
constexpr double adam_epsilon = 1e-8;
constexpr double running_mean_decay = 0.98;

// Each tensor starts on a boundary that vectorised kernels of GPUs ask for; the gaps stay zero.
constexpr std::int64_t alignment_floats = 64;
std::int64_t room_of(const torch::Tensor& tensor) {
  return (tensor.numel() + alignment_floats - 1) / alignment_floats * alignment_floats;
}

bool is_kernel(const torch::Tensor& tensor) { return tensor.dim() == 4; }

struct State {
  torch::Tensor moment, variance, averaged;
  std::int64_t step = 0;
  double running_loss = 0;
};

tensorfile::Tensor stored(const torch::Tensor& tensor) {
  const auto plain = tensor.detach().to(torch::kCPU).contiguous();
  return tensorfile::f32_tensor({plain.numel()},
                                {plain.data_ptr<float>(), static_cast<std::size_t>(plain.numel())});
}

Bytes checkpoint_of(const FlatModule& flat, const State& state, const Purpose& purpose) {
  tensorfile::TensorFile file;
  file.metadata = {{"kind", "cloister-checkpoint"},
                   {"job", purpose.name},
                   {"fingerprint", purpose.fingerprint},
                   {"step", std::to_string(state.step)},
                   {"running_loss", fmt::format("{:a}", state.running_loss)}};
  file.tensors = {{"values", stored(flat.values)},
                  {"moment", stored(state.moment)},
                  {"variance", stored(state.variance)},
                  {"averaged", stored(state.averaged)}};
  for (const auto& [name, bytes] : purpose.carried)
    file.tensors["carried." + name] =
        tensorfile::u8_tensor({static_cast<std::int64_t>(bytes.size())}, bytes);
  return write_tensor_file(file);
}

Result<void> fill(const tensorfile::TensorFileView& file, const std::string& name,
                  torch::Tensor& into) {
  const auto tensor = file.get(name, tensorfile::DType::f32);
  if (!tensor) return pass(tensor);
  auto values = floats_of(*tensor);
  if (static_cast<std::int64_t>(values.size()) != into.numel())
    return fail(Kind::conflict, "training.other_checkpoint",
                "The checkpoint is of a network of another size.",
                "Start the job anew, without this checkpoint.");
  into.copy_(torch::from_blob(values.data(), {into.numel()}));
  return {};
}

Result<void> resume(BytesView checkpoint, const Purpose& purpose, FlatModule& flat, State& state) {
  const auto file = tensorfile::read_tensor_file(checkpoint);
  if (!file) return pass(file);
  const auto name = file->text("job");
  const auto fingerprint = file->text("fingerprint");
  const auto step = file->text("step");
  const auto loss = file->text("running_loss");
  if (!name || !fingerprint || !step || !loss) return pass(!name ? name : fingerprint);
  if (*name != purpose.name || *fingerprint != purpose.fingerprint)
    return fail(Kind::conflict, "training.other_checkpoint",
                fmt::format("The checkpoint is of a job '{}' with other options or data.", *name),
                "Start the job anew, without this checkpoint.");
  for (auto [key, tensor] : {std::pair<const char*, torch::Tensor*>{"values", &flat.values},
                             {"moment", &state.moment},
                             {"variance", &state.variance},
                             {"averaged", &state.averaged}})
    if (auto filled = fill(*file, key, *tensor); !filled) return pass(filled);
  state.step = std::strtoll(step->c_str(), nullptr, 10);
  state.running_loss = std::strtod(loss->c_str(), nullptr);
  return {};
}

double learning_rate_at(const TrainingRecipe& recipe, std::int64_t step) {
  const double steps = static_cast<double>(recipe.steps);
  const double warmup = std::max(1.0, std::floor(steps * recipe.warmup_percent / 100));
  const double done = static_cast<double>(step);
  if (done < warmup) return recipe.learning_rate * (done + 1) / warmup;
  const double part = (done - warmup) / std::max(1.0, steps - warmup);
  return recipe.learning_rate * 0.5 * (1 + std::cos(std::numbers::pi * part));
}

void adamw_step(const TrainingRecipe& recipe, FlatModule& flat, State& state) {
  const double rate = learning_rate_at(recipe, state.step);
  const double count = static_cast<double>(state.step + 1);
  auto values = flat.values.narrow(0, 0, flat.parameters);
  auto& gradients = flat.gradients;
  if (recipe.gradient_norm_max > 0) {
    const double norm = gradients.norm().item<double>();
    if (norm > recipe.gradient_norm_max) gradients.mul_(recipe.gradient_norm_max / norm);
  }
  values.mul_(1 - rate * recipe.weight_decay);
  state.moment.lerp_(gradients, 1 - adam_first);
  state.variance.mul_(adam_second).addcmul_(gradients, gradients, 1 - adam_second);
  const double unbias = std::sqrt(1 - std::pow(adam_second, count));
  const auto scale = state.variance.sqrt().add_(adam_epsilon * unbias);
  values.addcdiv_(state.moment, scale, -rate * unbias / (1 - std::pow(adam_first, count)));
}

void average_step(const TrainingRecipe& recipe, const FlatModule& flat, State& state) {
  if (recipe.ema_decay <= 0) return;
  // Young averages follow faster, so that the random start does not linger.
  const double count = static_cast<double>(state.step + 1);
  const double decay = std::min(recipe.ema_decay, count / (count + 9));
  state.averaged.lerp_(flat.values, 1 - decay);
}

Result<void> report(const State& state, const TrainingRecipe& recipe, const Job& job) {
  const auto& hooks = job.hooks;
  const bool last = state.step == recipe.steps;
  if (hooks.progress && (last || state.step % hooks.progress_every_steps == 0))
    hooks.progress({state.step, recipe.steps, state.running_loss, {}});
  if (!std::isfinite(state.running_loss))
    return fail(Kind::invalid, "training.diverged",
                fmt::format("The training's loss stopped being a number at step {}.", state.step),
                "Lower the learning rate in the plan.");
  return {};
}

tl::unexpected<Error> stopped(const State& state, const TrainingRecipe& recipe) {
  return fail(Kind::unavailable, "training.stopped",
              fmt::format("The training was stopped at step {} of {}.", state.step, recipe.steps),
              "Resume it from its last checkpoint.");
}

Result<void> one_step(const Training& training, const LossOfStep& loss_of_step, FlatModule& flat,
                      State& state, const Job& job) {
  Ranks* const ranks = job.ranks.get();
  const auto seed = training.seeds.at(Draw::step, static_cast<std::uint64_t>(state.step));
  torch::manual_seed(seed);
  Prng prng(seed);
  flat.gradients.zero_();
  const auto loss = [&] {
    const MixedPrecision precision(job.compute.device);
    return loss_of_step({state.step, prng});
  }();
  loss.backward();
  torch::NoGradGuard no_grad;
  auto told = loss.detach().clone();
  if (auto met = average_over(ranks, told); !met) return met;
  if (auto met = average_over(ranks, flat.gradients); !met) return met;
  adamw_step(training.recipe, flat, state);
  average_step(training.recipe, flat, state);
  const double value = told.item<double>();
  state.running_loss =
      state.step == 0 ? value
                      : running_mean_decay * state.running_loss + (1 - running_mean_decay) * value;
  ++state.step;
  return {};
}

// Batch-norm's running statistics differ by rank: each saw its own share.
Result<void> join_statistics(Ranks* ranks, FlatModule& flat, State& state) {
  for (auto* tensor : {&flat.values, &state.averaged}) {
    auto statistics = tensor->narrow(0, flat.parameters, tensor->numel() - flat.parameters);
    if (auto met = average_over(ranks, statistics); !met) return met;
  }
  return {};
}

}  // namespace

FlatModule::FlatModule(torch::nn::Module& module, torch::Device device) : module_(module) {
  module.to(device);
  std::int64_t total = 0;
  for (const auto& parameter : module.parameters()) parameters += room_of(parameter);
  for (const auto& buffer : module.buffers())
    if (buffer.is_floating_point()) total += room_of(buffer);
  total += parameters;
  values = torch::zeros({total}, torch::device(device));
  gradients = torch::zeros({parameters}, torch::device(device));
  torch::NoGradGuard no_grad;
  std::int64_t at = 0;
  for (auto& parameter : module.parameters()) {
    place(parameter, at);
    at += room_of(parameter);
  }
  for (auto& buffer : module.buffers()) {
    if (!buffer.is_floating_point()) continue;
    place(buffer, at);
    at += room_of(buffer);
  }
}

void FlatModule::place(torch::Tensor& tensor, std::int64_t at) {
  // Kernels lie channels-last, the order in which oneDNN and cuDNN are fastest.
  const auto view_of = [&tensor, at](const torch::Tensor& flat) {
    auto piece = flat.narrow(0, at, tensor.numel());
    if (!is_kernel(tensor)) return piece.view(tensor.sizes());
    const auto s = tensor.sizes();
    return piece.view({s[0], s[2], s[3], s[1]}).permute({0, 3, 1, 2});
  };
  auto view = view_of(values);
  view.copy_(tensor);
  tensor.set_data(view);
  if (at < parameters) tensor.mutable_grad() = view_of(gradients);
}

void FlatModule::initialise(const Seeds& seeds) {
  torch::NoGradGuard no_grad;
  std::uint64_t number = 0;
  for (auto& item : module_.named_parameters()) {
    auto& tensor = item.value();
    const bool is_weight = item.key().ends_with("weight");
    if (!is_weight) {
      tensor.zero_();
    } else if (is_kernel(tensor) && item.key().starts_with(adapter_prefix)) {
      tensor.copy_(torch::eye(tensor.size(0)).view(tensor.sizes()));
    } else if (is_kernel(tensor)) {
      auto draws = seeds.uniform(Draw::initial, number, static_cast<std::size_t>(tensor.numel()));
      const double bound = std::sqrt(6.0 / static_cast<double>(tensor.numel() / tensor.size(0)));
      tensor.copy_(torch::from_blob(draws.data(), tensor.sizes()).mul(2 * bound).sub(bound));
    }
    ++number;
  }
}

Result<TrainingEnd> run_training(const Training& training, const Job& job,
                                 const LossOfStep& loss_of_step) {
  const auto& recipe = training.recipe;
  FlatModule flat(training.module, torch_device(job.compute.device));
  if (training.start == Start::random) flat.initialise(training.seeds);
  State state{torch::zeros_like(flat.gradients), torch::zeros_like(flat.gradients),
              flat.values.clone()};
  if (!job.hooks.resume_from.empty())
    if (auto done = resume(job.hooks.resume_from, training.purpose, flat, state); !done)
      return pass(done);
  Ranks* const ranks = job.ranks.get();
  const auto keep = [&] {
    if (job.hooks.checkpoint && (ranks == nullptr || ranks->rank() == 0))
      job.hooks.checkpoint(checkpoint_of(flat, state, training.purpose));
  };
  training.module.train();
  while (state.step < recipe.steps) {
    if (job.hooks.should_stop && job.hooks.should_stop()) {
      keep();  // as this rank has it: the others may be at another step by now
      return stopped(state, recipe);
    }
    if (auto done = one_step(training, loss_of_step, flat, state, job); !done) return pass(done);
    if (auto told = report(state, recipe, job); !told) return pass(told);
    if (state.step % job.hooks.checkpoint_every_steps == 0 && state.step < recipe.steps) {
      torch::NoGradGuard no_grad;
      if (auto met = join_statistics(ranks, flat, state); !met) return pass(met);
      keep();
    }
  }
  torch::NoGradGuard no_grad;
  if (auto met = join_statistics(ranks, flat, state); !met) return pass(met);
  if (recipe.ema_decay > 0) flat.values.copy_(state.averaged);
  training.module.eval();
  return TrainingEnd{state.running_loss};
}

Result<std::map<std::string, Bytes>> carried_in(BytesView checkpoint) {
  std::map<std::string, Bytes> carried;
  if (checkpoint.empty()) return carried;
  const auto file = tensorfile::read_tensor_file(checkpoint);
  if (!file) return pass(file);
  constexpr std::string_view prefix = "carried.";
  for (const auto& [name, tensor] : file->tensors)
    if (name.starts_with(prefix))
      carried[name.substr(prefix.size())] = Bytes(tensor.data.begin(), tensor.data.end());
  return carried;
}

Result<void> check_recipe(const TrainingRecipe& recipe) {
  const bool sound = recipe.steps > 0 && recipe.batch > 1 && recipe.learning_rate > 0 &&
                     recipe.weight_decay >= 0 && recipe.gradient_norm_max >= 0 &&
                     recipe.ema_decay >= 0 && recipe.ema_decay < 1 && recipe.warmup_percent >= 0 &&
                     recipe.warmup_percent < 100;
  if (sound) return {};
  return fail(Kind::invalid, "training.recipe",
              fmt::format("The training recipe is out of range: {}.", to_text(recipe)),
              "Give at least one step, a batch of two or more, a positive learning rate.");
}

std::string to_text(const TrainingRecipe& recipe) {
  return fmt::format("steps={} batch={} rate={} decay={} clip={} ema={} warmup={}", recipe.steps,
                     recipe.batch, recipe.learning_rate, recipe.weight_decay,
                     recipe.gradient_norm_max, recipe.ema_decay, recipe.warmup_percent);
}

torch::Device torch_device(const Device& device) {
  if (device.type == Device::Type::cpu) return torch::Device(torch::kCPU);
  return torch::Device(torch::kCUDA, static_cast<torch::DeviceIndex>(device.index));
}

}  // namespace cloister::networks
