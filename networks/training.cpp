#include "networks/training.h"

#include <fmt/format.h>

#include <atomic>
#include <cmath>
#include <cstdlib>
#include <exception>
#include <numbers>
#include <semaphore>
#include <thread>

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
  torch::Tensor loss;  // running mean, a scalar on the device
  std::int64_t step = 0;
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
                   {"running_loss", fmt::format("{:a}", state.loss.item<double>())}};
  file.tensors = {{"values", stored(flat.values)},
                  {"moment", stored(state.moment)},
                  {"variance", stored(state.variance)},
                  {"averaged", stored(state.averaged)}};
  for (const auto& [name, bytes] : purpose.carried)
    file.tensors["carried." + name] =
        tensorfile::u8_tensor({static_cast<std::int64_t>(bytes.size())}, bytes);
  return write_tensor_file(file);
}

tl::unexpected<Error> other_checkpoint(std::string what) {
  return fail(Kind::conflict, "training.other_checkpoint", std::move(what),
              "Start the job anew, without this checkpoint.");
}

// Of one that is no checkpoint at all: hosts throw away what ends in "checkpoint".
tl::unexpected<Error> bad_checkpoint(const Error& why) {
  return fail(Kind::corrupt, "training.bad_checkpoint",
              fmt::format("The checkpoint cannot be read: {}", why.what),
              "Start the job anew, without this checkpoint.");
}

Result<void> fill(const tensorfile::TensorFileView& file, const std::string& name,
                  torch::Tensor& into) {
  const auto tensor = file.get(name, tensorfile::DType::f32);
  if (!tensor) return bad_checkpoint(tensor.error());
  auto values = floats_of(*tensor);
  if (static_cast<std::int64_t>(values.size()) != into.numel())
    return other_checkpoint("The checkpoint is of a network of another size.");
  into.copy_(torch::from_blob(values.data(), {into.numel()}));
  return {};
}

Result<void> resume(BytesView checkpoint, const Purpose& purpose, FlatModule& flat, State& state) {
  const auto file = tensorfile::read_tensor_file(checkpoint);
  if (!file) return bad_checkpoint(file.error());
  const auto name = file->text("job");
  const auto fingerprint = file->text("fingerprint");
  const auto step = file->text("step");
  const auto loss = file->text("running_loss");
  for (const auto* text : {&name, &fingerprint, &step, &loss})
    if (!*text) return bad_checkpoint(text->error());
  if (*name != purpose.name || *fingerprint != purpose.fingerprint)
    return other_checkpoint(
        fmt::format("The checkpoint is of a job '{}' with other options or data.", *name));
  for (auto [key, tensor] : {std::pair<const char*, torch::Tensor*>{"values", &flat.values},
                             {"moment", &state.moment},
                             {"variance", &state.variance},
                             {"averaged", &state.averaged}})
    if (auto filled = fill(*file, key, *tensor); !filled) return pass(filled);
  state.step = std::strtoll(step->c_str(), nullptr, 10);
  state.loss.fill_(std::strtod(loss->c_str(), nullptr));
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

// What differs between steps of a training, as the operations on the device read it: a recorded
// step plays with new values of these.
enum Dial { weights_kept, step_size, epsilon, average_follows, loss_follows, dials_count };

torch::Tensor dials_at(const TrainingRecipe& recipe, std::int64_t step) {
  const double rate = learning_rate_at(recipe, step);
  const double count = static_cast<double>(step + 1);
  const double unbias = std::sqrt(1 - std::pow(adam_second, count));
  // Young averages follow faster, so that the random start does not linger.
  const double decay = std::min(recipe.ema_decay, count / (count + 9));
  auto dials = torch::empty({dials_count});
  auto* at = dials.data_ptr<float>();
  at[weights_kept] = static_cast<float>(1 - rate * recipe.weight_decay);
  at[step_size] = static_cast<float>(-rate * unbias / (1 - std::pow(adam_first, count)));
  at[epsilon] = static_cast<float>(adam_epsilon * unbias);
  at[average_follows] = static_cast<float>(1 - decay);
  at[loss_follows] = step == 0 ? 1.0F : static_cast<float>(1 - running_mean_decay);
  return dials;
}

void adamw_step(const TrainingRecipe& recipe, const torch::Tensor& dials, FlatModule& flat,
                State& state) {
  auto values = flat.values.narrow(0, 0, flat.parameters);
  auto& gradients = flat.gradients;
  if (recipe.gradient_norm_max > 0)
    gradients.mul_((recipe.gradient_norm_max / gradients.norm()).clamp_max(1));
  values.mul_(dials[weights_kept]);
  state.moment.lerp_(gradients, 1 - adam_first);
  state.variance.mul_(adam_second).addcmul_(gradients, gradients, 1 - adam_second);
  auto scale = state.variance.sqrt().add_(dials[epsilon]).div_(dials[step_size]);
  values.addcdiv_(state.moment, scale);
}

Result<void> report(const State& state, const TrainingRecipe& recipe, const Job& job) {
  const auto& hooks = job.hooks;
  const bool last = state.step == recipe.steps;
  if (!last && state.step % hooks.progress_every_steps != 0) return {};
  const auto loss = state.loss.item<double>();
  if (hooks.progress) hooks.progress({state.step, recipe.steps, loss, {}});
  if (!std::isfinite(loss))
    return fail(Kind::invalid, "training.diverged",
                fmt::format("The training's loss is no number any more at step {}.", state.step),
                "Lower the learning rate in the plan.");
  return {};
}

tl::unexpected<Error> stopped(const State& state, const TrainingRecipe& recipe) {
  return fail(Kind::unavailable, "training.stopped",
              fmt::format("The training was stopped at step {} of {}.", state.step, recipe.steps),
              "Resume it from its last checkpoint.");
}

// From a lot on the device to the next weights.
Result<void> compute(const Training& training, const Step& step, const Lot& lot, FlatModule& flat,
                     State& state, const Job& job) {
  Ranks* const ranks = job.ranks.get();
  flat.gradients.zero_();
  const auto loss = [&] {
    const MixedPrecision precision(job.compute.device);
    return step.loss(lot);
  }();
  loss.backward();
  torch::NoGradGuard no_grad;
  auto told = loss.detach().clone();
  if (auto met = average_over(ranks, told); !met) return met;
  if (auto met = average_over(ranks, flat.gradients); !met) return met;
  const auto& dials = lot.tensors.back();
  adamw_step(training.recipe, dials, flat, state);
  if (training.recipe.ema_decay > 0) state.averaged.lerp_(flat.values, dials[average_follows]);
  state.loss.lerp_(told, dials[loss_follows]);
  return {};
}

// The lots of a training's steps, with the step's dials behind what was drawn; for a GPU one step
// ahead, on a thread of its own.
class Lots {
 public:
  Lots(const Training& training, const Step& step, bool ahead)
      : training_(training), step_(step), ahead_(ahead) {}
  ~Lots() {
    ends_ = true;
    wanted_.release();
    if (thread_.joinable()) thread_.join();
  }
  Lots(const Lots&) = delete;
  Lots& operator=(const Lots&) = delete;

  // Throws what `draw` throws.
  Lot at(std::int64_t step) {
    if (!ahead_) return drawn(step);
    if (!thread_.joinable()) thread_ = std::thread([this, step] { draw_from(step); });
    ready_.acquire();
    if (thrown_) std::rethrow_exception(thrown_);
    Lot lot = std::move(next_);
    wanted_.release();
    return lot;
  }

 private:
  Lot drawn(std::int64_t step) const {
    Prng prng(training_.seeds.at(Draw::step, static_cast<std::uint64_t>(step)));
    Lot lot = step_.draw({step, prng});
    lot.tensors.push_back(dials_at(training_.recipe, step));
    return lot;
  }
  void draw_from(std::int64_t step) {
    for (; step < training_.recipe.steps && !ends_; ++step) {
      try {
        next_ = drawn(step);
      } catch (...) {
        thrown_ = std::current_exception();
      }
      ready_.release();
      wanted_.acquire();
    }
  }

  const Training& training_;
  const Step& step_;
  const bool ahead_;
  Lot next_;
  std::exception_ptr thrown_;
  std::atomic<bool> ends_ = false;
  std::counting_semaphore<> ready_{0}, wanted_{0};
  std::thread thread_;
};

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

Result<TrainingEnd> run_training(const Training& training, const Job& job, const Step& step) {
  const auto& recipe = training.recipe;
  Ranks* const ranks = job.ranks.get();
  DeviceSteps on_device(job.compute, ranks == nullptr);
  FlatModule flat(training.module, torch_device(job.compute.device));
  if (training.start == Start::random) flat.initialise(training.seeds);
  State state{torch::zeros_like(flat.gradients), torch::zeros_like(flat.gradients),
              flat.values.clone(), torch::zeros({}, flat.values.options())};
  if (!job.hooks.resume_from.empty())
    if (auto done = resume(job.hooks.resume_from, training.purpose, flat, state); !done)
      return pass(done);
  Lots lots(training, step, job.compute.device.type == Device::Type::cuda);
  const auto keep = [&] {
    if (!std::isfinite(state.loss.item<double>())) return;  // nothing to go on from
    if (job.hooks.checkpoint && (ranks == nullptr || ranks->rank() == 0))
      job.hooks.checkpoint(checkpoint_of(flat, state, training.purpose));
  };
  training.module.train();
  while (state.step < recipe.steps) {
    if (job.hooks.should_stop && job.hooks.should_stop()) {
      keep();  // as this rank has it: the others may be at another step by now
      return stopped(state, recipe);
    }
    const Lot lot = lots.at(state.step);
    torch::manual_seed(training.seeds.at(Draw::step, static_cast<std::uint64_t>(state.step)));
    auto done = on_device.run(
        lot, [&](const Lot& there) { return compute(training, step, there, flat, state, job); });
    if (!done) return pass(done);
    ++state.step;
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
  return TrainingEnd{state.loss.item<double>()};
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
