#include "privacy/trained_attacks.h"

#include <fmt/format.h>

#include "networks/training.h"
#include "networks/weights.h"
#include "privacy/phases.h"

namespace cloister::privacy {
namespace {

namespace nn = torch::nn;
using networks::FloatTensor;
using networks::Lot;
using networks::StepInput;

constexpr std::int64_t doublings = 4;  // from the code grid to the image
constexpr std::int64_t decode_batch = 16;
constexpr std::int64_t cells_compared = 192;
constexpr double match_weight = 1.0;

nn::Conv2d convolution(std::int64_t from, std::int64_t to, std::int64_t size) {
  return nn::Conv2d(nn::Conv2dOptions(from, to, size).padding(size / 2));
}

// codes -> image: a 1x1 convolution, then bilinear x2 and a block, four times.
struct AttackDecoderImpl : nn::Module {
  explicit AttackDecoderImpl(std::int64_t channels) {
    entry = register_module("entry", convolution(channels, widths[0], 1));
    for (std::size_t i = 0; i < doublings; ++i) {
      const auto number = std::to_string(i);
      levels.push_back(register_module("level" + number, convolution(widths[i], widths[i + 1], 3)));
      norms.push_back(register_module("norm" + number, nn::BatchNorm2d(widths[i + 1])));
    }
    output = register_module("output", convolution(widths[doublings], 1, 1));
  }
  torch::Tensor forward(torch::Tensor x) {
    x = entry->forward(x);
    for (std::size_t i = 0; i < levels.size(); ++i) {
      x = torch::upsample_bilinear2d(x, {x.size(2) * 2, x.size(3) * 2}, false);
      x = norms[i]->forward(levels[i]->forward(x)).relu();
    }
    return output->forward(x);
  }
  static constexpr std::array<std::int64_t, doublings + 1> widths{96, 64, 48, 32, 16};
  nn::Conv2d entry{nullptr}, output{nullptr};
  std::vector<nn::Conv2d> levels;
  std::vector<nn::BatchNorm2d> norms;
};
TORCH_MODULE(AttackDecoder);

// image -> codes like those under attack: post-ReLU, standardised by channel.
struct AttackEncoderImpl : nn::Module {
  explicit AttackEncoderImpl(std::int64_t channels) {
    for (std::size_t i = 0; i <= doublings; ++i) {
      const auto number = std::to_string(i);
      const std::int64_t from = i == 0 ? 1 : widths[i - 1];
      const std::int64_t to = i == doublings ? channels : widths[i];
      levels.push_back(register_module("level" + number, convolution(from, to, 3)));
      norms.push_back(register_module("norm" + number, nn::BatchNorm2d(to)));
    }
    standard = register_module("standard",
                               nn::BatchNorm2d(nn::BatchNorm2dOptions(channels).affine(false)));
  }
  torch::Tensor forward(torch::Tensor x) {
    for (std::size_t i = 0; i < levels.size(); ++i) {
      if (i > 0) x = torch::max_pool2d(x, 2);
      x = norms[i]->forward(levels[i]->forward(x)).relu();
    }
    return standard->forward(x);
  }
  static constexpr std::array<std::int64_t, doublings> widths{8, 16, 32, 64};
  std::vector<nn::Conv2d> levels;
  std::vector<nn::BatchNorm2d> norms;
  nn::BatchNorm2d standard{nullptr};
};
TORCH_MODULE(AttackEncoder);

struct SurrogateImpl : nn::Module {
  explicit SurrogateImpl(std::int64_t channels) {
    encoder = register_module("encoder", AttackEncoder(channels));
    decoder = register_module("decoder", AttackDecoder(channels));
  }
  AttackEncoder encoder{nullptr};
  AttackDecoder decoder{nullptr};
};
TORCH_MODULE(Surrogate);

// Cells as rows: [N * h * w, C].
torch::Tensor cells_of(const torch::Tensor& codes) {
  return codes.permute({0, 2, 3, 1}).reshape({-1, codes.size(1)});
}

torch::Tensor covariance_of(const torch::Tensor& cells) {
  const auto centred = cells - cells.mean(0, true);
  return centred.t().mm(centred) / static_cast<double>(cells.size(0));
}

torch::Tensor drawn_rows(const torch::Tensor& rows) {
  const auto options = torch::device(rows.device()).dtype(torch::kLong);
  return rows.index_select(0, torch::randint(rows.size(0), {cells_compared}, options));
}

torch::Tensor squared_distances(const torch::Tensor& a, const torch::Tensor& b) {
  const auto across = a.mm(b.t());
  return (a.square().sum(1, true) + b.square().sum(1, true).t() - 2 * across).clamp_min(0);
}

// Maximum mean discrepancy with several Gaussian kernels (Gretton et al., JMLR 13, 2012).
torch::Tensor discrepancy(const torch::Tensor& a, const torch::Tensor& b) {
  const auto aa = squared_distances(a, a);
  const auto ab = squared_distances(a, b);
  const auto bb = squared_distances(b, b);
  const auto scale = ab.detach().mean().clamp_min(1e-6);
  auto sum = torch::zeros({}, a.options());
  for (const double width : {0.25, 0.5, 1.0, 2.0}) {
    const auto factor = -1.0 / (width * scale);
    sum = sum + (aa * factor).exp().mean() + (bb * factor).exp().mean() -
          2 * (ab * factor).exp().mean();
  }
  return sum;
}

struct TargetCodes {
  torch::Tensor mean_map, cells, covariance;
  explicit TargetCodes(const torch::Tensor& codes)
      : mean_map(codes.mean(0, true)), cells(cells_of(codes)), covariance(covariance_of(cells)) {}

  [[nodiscard]] torch::Tensor distance(const torch::Tensor& codes) const {
    const auto own = cells_of(codes);
    const auto channels = static_cast<double>(codes.size(1));
    return torch::mse_loss(codes.mean(0, true), mean_map) +
           (covariance_of(own) - covariance).square().sum() / channels +
           discrepancy(drawn_rows(own), drawn_rows(cells));
  }
};

networks::TrainingRecipe recipe_of(const AttackTraining& training) {
  networks::TrainingRecipe recipe;
  recipe.steps = training.steps;
  recipe.batch = training.batch;
  recipe.ema_decay = training.steps >= 100 ? 0.97 : 0.8;
  return recipe;
}

torch::Tensor drawn_batch(const torch::Tensor& from, Prng& prng, int batch) {
  std::vector<std::int64_t> chosen;
  for (int i = 0; i < batch; ++i) {
    chosen.push_back(
        static_cast<std::int64_t>(prng.below(static_cast<std::uint64_t>(from.size(0)))));
  }
  return from.index_select(0, torch::tensor(chosen));
}

Result<Bytes> decoded(AttackDecoder& decoder, const torch::Tensor& codes, torch::Device device) {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> images;
  for (std::int64_t at = 0; at < codes.size(0); at += decode_batch) {
    const auto count = std::min(decode_batch, codes.size(0) - at);
    images.push_back(decoder->forward(codes.narrow(0, at, count).to(device)).cpu());
  }
  return packed(networks::to_plain(torch::cat(images)));
}

networks::Purpose purpose_of(std::string name, const FloatTensor& codes,
                             const AttackTraining& training) {
  return {std::move(name),
          fmt::format("{} {} {}", fmt::join(codes.shape, "x"), training.steps, training.seed),
          {}};
}

Result<Bytes> train_decoder(const LeakedPairs& pairs, const FloatTensor& codes,
                            const AttackTraining& training, const networks::Job& job) {
  const auto device = networks::torch_device(job.compute.device);
  const auto images = networks::from_plain(pairs.images);
  const auto known = networks::from_plain(pairs.codes);
  AttackDecoder net(codes.shape[1]);
  const auto draw = [&](StepInput input) {
    Prng again = input.prng;  // the same draw for both sides of a pair
    return Lot{{drawn_batch(images, input.prng, training.batch),
                drawn_batch(known, again, training.batch)}};
  };
  const auto loss = [&](const Lot& lot) {
    const auto& code = lot.tensors[1];
    // A little noise: the decoder must not learn a few pairs by heart only.
    return torch::mse_loss(net->forward(code + 0.1 * torch::randn_like(code)), lot.tensors[0]);
  };
  const auto purpose = purpose_of("trained-decoder-attack", codes, training);
  const auto recipe = recipe_of(training);
  const auto seeds = networks::Seeds::from_public(training.seed);
  const auto end = networks::run_training({*net, recipe, purpose, seeds}, job, {draw, loss});
  if (!end) return pass(end);
  return decoded(net, networks::from_plain(codes), device);
}

Result<Bytes> train_surrogate(const networks::SliceSet& slices, const FloatTensor& codes,
                              const AttackTraining& training, const networks::Job& job) {
  const auto device = networks::torch_device(job.compute.device);
  const auto images = networks::from_plain(
      {{static_cast<std::int64_t>(slices.size()), 1, slices.height, slices.width}, slices.images});
  const auto attacked = networks::from_plain(codes);
  const TargetCodes target(attacked.to(device));
  Surrogate net(codes.shape[1]);
  const auto draw = [&](StepInput input) {
    return Lot{{drawn_batch(images, input.prng, training.batch)}};
  };
  const auto loss = [&](const Lot& lot) {
    const auto& x = lot.tensors[0];
    const auto code = net->encoder->forward(x);
    const auto own = torch::mse_loss(net->decoder->forward(code), x);
    return own + match_weight * target.distance(code);
  };
  const auto purpose = purpose_of("surrogate-attack", codes, training);
  const auto recipe = recipe_of(training);
  const auto seeds = networks::Seeds::from_public(training.seed);
  const auto end = networks::run_training({*net, recipe, purpose, seeds}, job, {draw, loss});
  if (!end) return pass(end);
  return decoded(net->decoder, attacked, device);
}

}  // namespace

Result<Bytes> trained_decoder_attack(const LeakedPairs& pairs, const FloatTensor& codes,
                                     const AttackTraining& training, const networks::Job& job) {
  if (auto ready = networks::prepare_compute(job.compute); !ready) return pass(ready);
  return networks::guarded("training an attacker's decoder",
                           [&] { return train_decoder(pairs, codes, training, job); });
}

Result<Bytes> surrogate_attack(const networks::SliceSet& public_images, const FloatTensor& codes,
                               const AttackTraining& training, const networks::Job& job) {
  if (auto ready = networks::prepare_compute(job.compute); !ready) return pass(ready);
  return networks::guarded("training a surrogate of the encoder",
                           [&] { return train_surrogate(public_images, codes, training, job); });
}

}  // namespace cloister::privacy
