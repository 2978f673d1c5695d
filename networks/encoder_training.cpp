#include <fmt/format.h>

#include <algorithm>

#include "networks/batches.h"
#include "networks/coding.h"
#include "networks/encoders.h"
#include "networks/hardening.h"
#include "networks/score.h"
#include "networks/training.h"
#include "networks/views.h"

namespace cloister::networks {
namespace {

Result<void> check_seed(BytesView secret) {
  if (secret.size() >= secret_seed_bytes_min) return {};
  return fail(Kind::invalid, "encoder.short_seed",
              fmt::format("An encoder's secret seed has {} bytes; it needs {} random ones.",
                          secret.size(), secret_seed_bytes_min),
              "Draw the seed from the system's entropy.");
}

Result<void> check_training(const SliceSet& slices, int structures, const TrainingRecipe& recipe) {
  if (auto sound = check_slices(slices, structures); !sound) return sound;
  if (slices.size() == 0)
    return fail(Kind::invalid, "encoder.no_slices", "There are no slices to learn from.",
                "Check the dataset: were all cases excluded?");
  return check_recipe(recipe);
}

Result<void> check_window(int window) {
  if (window >= 0 && window % code_stride == 0) return {};
  return fail(Kind::invalid, "encoder.window",
              fmt::format("A window of {} pixels is no multiple of {}.", window, code_stride),
              "Correct the plan's window, or leave it out to train on whole slices.");
}

std::string fingerprint(const SliceSet& slices, const TrainingRecipe& recipe, std::string more) {
  return fmt::format("{}x{}x{} {} {}", slices.size(), slices.height, slices.width, to_text(recipe),
                     more);
}

using Input = std::function<torch::Tensor(std::size_t, std::size_t)>;

torch::Tensor codes_of(EncoderNet& encoder, const Input& input, std::size_t slices,
                       torch::Device device) {
  return in_batches(static_cast<std::int64_t>(slices), [&](std::int64_t at, std::int64_t count) {
    return encoder->forward(placed(input(at, count), device));
  });
}

using Coded = std::function<torch::Tensor(const torch::Tensor&)>;

double unexplained_variance(DecoderNet& decoder, const Coded& coded, const SliceSet& slices,
                            torch::Device device) {
  torch::NoGradGuard no_grad;
  double error = 0;
  double sum = 0;
  double squares = 0;
  for (std::size_t at = 0; at < slices.size(); at += coding_batch) {
    const std::size_t count = std::min<std::size_t>(coding_batch, slices.size() - at);
    const auto x = placed(image_tensor(slices, at, count), device);
    const auto y = decoder->forward(coded(x));
    error += (y - x).square().sum().item<double>();
    sum += x.sum().item<double>();
    squares += x.square().sum().item<double>();
  }
  const double count = static_cast<double>(slices.images.size());
  const double variance = squares / count - (sum / count) * (sum / count);
  return variance > 0 ? error / count / variance : 0;
}

struct MaskAttempt {
  Bytes encoder, decoder;
  std::vector<double> ceiling;
  double loss = 0;
  [[nodiscard]] double worst() const { return *std::min_element(ceiling.begin(), ceiling.end()); }
};

Result<std::vector<double>> ceiling_of(const MaskAttempt& attempt, const SliceSet& slices,
                                       int structures, const Compute& compute) {
  const auto encoder = Encoder::load(attempt.encoder, compute);
  if (!encoder) return pass(encoder);
  const auto decoder = Decoder::load(attempt.decoder, compute);
  if (!decoder) return pass(decoder);
  std::vector<std::uint8_t> predicted;
  constexpr std::size_t chunk = 64;  // slices whose probabilities are in memory at once
  for (std::size_t at = 0; at < slices.size(); at += chunk) {
    std::vector<std::size_t> some(std::min(chunk, slices.size() - at));
    for (std::size_t i = 0; i < some.size(); ++i) some[i] = at + i;
    const auto codes = encoder->encode(slices_at(slices, some));
    if (!codes) return pass(codes);
    const auto wire = write_codes(*codes);
    if (!wire) return pass(wire);
    const auto travelled = read_codes(*wire);
    if (!travelled) return pass(travelled);
    const auto probabilities = decoder->decode(*travelled);
    if (!probabilities) return pass(probabilities);
    const auto labels = most_probable(*probabilities);
    predicted.insert(predicted.end(), labels.begin(), labels.end());
  }
  return dice_by_structure({predicted, slices.labels, slices.volume, slices.pixels()}, structures);
}

struct Parts {
  SliceSet training, checking;
};

// Patients kept out of training, the last ones by number.
Parts split(const SliceSet& slices, double held_out_percent) {
  std::vector<std::int64_t> patients = slices.patient;
  std::sort(patients.begin(), patients.end());
  patients.erase(std::unique(patients.begin(), patients.end()), patients.end());
  const auto out =
      static_cast<std::size_t>(static_cast<double>(patients.size()) * held_out_percent / 100 + 0.5);
  if (out == 0 || out >= patients.size()) return {slices, slices};
  const auto border = patients.end() - static_cast<std::ptrdiff_t>(out);
  return {slices_of_patients(slices, {patients.begin(), border}),
          slices_of_patients(slices, {border, patients.end()})};
}

Result<MaskAttempt> train_mask_once(const Parts& parts, const MaskEncoderOptions& options,
                                    const Seeds& seeds, const Purpose& purpose, const Job& job) {
  const MaskChannels channels{options.structures, options.foreground_only};
  const auto device = torch_device(job.compute.device);
  Autoencoder net(channels.count());
  const auto weights = class_weights(parts.training, channels).to(device);
  SliceSet labels_only = parts.training;
  labels_only.images.clear();
  Batches batches(labels_only,
                  {spatial_only(options.augmentation), options.recipe.batch, options.window},
                  seeds);
  const auto draw = [&](StepInput input) { return batches.draw(input); };
  const auto loss = [&](const Lot& lot) {
    const auto target = placed(one_hot(lot.tensors[0], channels), device);
    const auto code = with_code_noise(net->encoder->forward(target), options.code_noise);
    return mask_loss(net->decoder->forward(code), target, channels, weights);
  };
  const auto end = run_training({*net, options.recipe, purpose, seeds}, job, {draw, loss});
  if (!end) return pass(end);
  const auto input = [&](std::size_t at, std::size_t count) {
    return one_hot(label_tensor(parts.training, at, count), channels);
  };
  const auto frame = frame_of(codes_of(net->encoder, input, parts.training.size(), device));
  MaskAttempt attempt;
  attempt.encoder =
      save_network(*net->encoder, mask_texts("cloister-mask-encoder", channels), frame.tensors());
  attempt.decoder =
      save_network(*net->decoder, mask_texts("cloister-mask-decoder", channels), frame.tensors());
  attempt.loss = end->loss;
  auto ceiling = ceiling_of(attempt, parts.checking, options.structures, job.compute);
  if (!ceiling) return pass(ceiling);
  attempt.ceiling = std::move(*ceiling);
  return attempt;
}

TrainedMaskEncoder finished(MaskAttempt best, int attempts, double ceiling_min) {
  TrainedMaskEncoder trained{
      std::move(best.encoder), std::move(best.decoder), best.ceiling, {}, attempts, best.loss};
  for (std::size_t i = 0; i < best.ceiling.size(); ++i)
    if (best.ceiling[i] < ceiling_min) trained.dropped.push_back(static_cast<int>(i) + 1);
  return trained;
}

Result<TrainedMaskEncoder> train_mask_attempts(const Parts& parts,
                                               const MaskEncoderOptions& options, BytesView secret,
                                               Job job) {
  auto carried = carried_in(job.hooks.resume_from);
  if (!carried) return pass(carried);
  MaskAttempt best;
  int number = 0;
  if (carried->contains("encoder")) {  // the checkpoint is of the second attempt or later
    best = {(*carried)["encoder"], (*carried)["decoder"], {}, 0};
    auto ceiling = ceiling_of(best, parts.checking, options.structures, job.compute);
    if (!ceiling) return pass(ceiling);
    best.ceiling = std::move(*ceiling);
    number = (*carried)["number"].empty() ? 1 : (*carried)["number"][0];
  }
  while (true) {
    Purpose purpose{"mask-encoder",
                    fingerprint(parts.training, options.recipe,
                                fmt::format("noise={} classes={} window={}", options.code_noise,
                                            options.structures, options.window)),
                    {}};
    if (number > 0)
      purpose.carried = {{"encoder", best.encoder},
                         {"decoder", best.decoder},
                         {"number", Bytes{static_cast<std::uint8_t>(number)}}};
    const auto seeds = Seeds(secret).attempt(static_cast<std::uint64_t>(number));
    auto attempt = train_mask_once(parts, options, seeds, purpose, job);
    if (!attempt) return pass(attempt);
    job.hooks.resume_from.clear();
    if (best.ceiling.empty() || attempt->worst() > best.worst()) best = std::move(*attempt);
    ++number;
    if (best.worst() >= options.ceiling_min || number >= options.attempts_max)
      return finished(std::move(best), number, options.ceiling_min);
  }
}

// What training leaves, and how its codes leave.
struct ImageNetworks {
  EncoderNet& encoder;
  DecoderNet& decoder;
  torch::Tensor kept;  // [1, 128, 1, 1] on the device: which channels leave
  Texts texts;         // of the encoder's file, beside its kind
};

Result<TrainedImageEncoder> finished(ImageNetworks networks, const SliceSet& slices, double loss,
                                     torch::Device device) {
  const auto input = [&](std::size_t at, std::size_t count) {
    return image_tensor(slices, at, count);
  };
  // Channels that stay empty keep a mean of zero and a deviation of one.
  const auto codes = codes_of(networks.encoder, input, slices.size(), device);
  const auto frame = frame_of(codes * networks.kept.cpu());
  TrainedImageEncoder trained;
  networks.texts["kind"] = "cloister-image-encoder";
  trained.encoder = save_network(*networks.encoder, networks.texts, frame.tensors());
  trained.decoder =
      save_network(*networks.decoder, {{"kind", "cloister-image-decoder"}}, frame.tensors());
  const auto coded = [&](const torch::Tensor& x) {
    return networks.encoder->forward(x) * networks.kept;
  };
  trained.unexplained = unexplained_variance(networks.decoder, coded, slices, device);
  trained.final_loss = loss;
  return trained;
}

Result<TrainedImageEncoder> train_to_reproduce(const SliceSet& slices,
                                               const ImageEncoderOptions& options,
                                               const Seeds& seeds, const Job& job) {
  const auto device = torch_device(job.compute.device);
  Autoencoder net(1);
  SliceSet images_only = slices;
  images_only.labels.clear();
  Batches batches(images_only, {options.augmentation, options.recipe.batch, options.window}, seeds);
  const auto draw = [&](StepInput input) { return batches.draw(input); };
  const auto loss = [&](const Lot& lot) {
    const auto x = placed(lot.tensors[0], device);
    const auto code = with_code_noise(net->encoder->forward(x), options.code_noise);
    return torch::mse_loss(net->decoder->forward(code), x);
  };
  const Purpose purpose{"image-encoder",
                        fingerprint(slices, options.recipe,
                                    fmt::format("noise={} {} window={}", options.code_noise,
                                                to_string(options.learning), options.window)),
                        {}};
  const auto end = run_training({*net, options.recipe, purpose, seeds}, job, {draw, loss});
  if (!end) return pass(end);
  const auto all = torch::ones({1, code_channels, 1, 1}).to(device);
  return finished({net->encoder, net->decoder, all, {}}, slices, end->loss, device);
}

// The encoder's gradient through the decoder to images: turned round while that beats the mean
// image (Ganin et al., JMLR 17, 2016), so that it stays bounded; none at all for `task`.
struct Contest {
  double reconstruction_weight = 0, adversary_weight = 0;
  torch::Tensor factor;  // a scalar on the device

  [[nodiscard]] torch::Tensor through(const torch::Tensor& code) {
    if (adversary_weight == 0 && reconstruction_weight == 0) return code.detach();
    auto open = code.clone();
    open.register_hook([this](const torch::Tensor& gradient) { return gradient * factor; });
    return open;
  }
  void judge(const torch::Tensor& loss, const torch::Tensor& images) {
    const auto attack_wins = (loss.detach() < images.var(false)).to(torch::kFloat);
    factor = reconstruction_weight - adversary_weight * attack_wins;
  }
};

// What `task` and `hardened` differ in.
struct Segmenting {
  torch::Tensor kept;  // as in ImageNetworks
  double code_noise = 0;
  Contest contest;
  std::int64_t decoded = 1;  // slices of each batch that the decoder to images learns from
  std::string fingerprint;
  Texts texts;
};

Segmenting segmenting(const ImageEncoderOptions& options, BytesView secret) {
  if (options.learning == EncoderLearning::hardened) {
    const Hardening& how = options.hardening;
    const auto codes = HardenedCodes::create(how, secret);
    return {codes.channels(),
            training_noise(how),
            {how.reconstruction_weight, how.adversary_weight, {}},
            options.recipe.batch,
            fmt::format("hardened {} {} {} {} {}", how.reconstruction_weight, how.adversary_weight,
                        how.code_channels, how.code_bits, how.code_noise),
            codes.texts()};
  }
  // One slice in four: the decoder to images only has to say what the codes still show, and every
  // slice it learns from costs.
  return {torch::ones({1, code_channels, 1, 1}),
          options.code_noise,
          {},
          std::max(1, options.recipe.batch / 4),
          fmt::format("task noise={}", options.code_noise),
          {}};
}

struct CodesAndScores {
  torch::Tensor codes;
  torch::Tensor scores;  // of the backbone; undefined without one
};

// With `apart` the backbone learns from its own segmentation alone: what is done to codes so that
// they tell less must not make it worse.
CodesAndScores codes_and_scores(EncoderNet& encoder, const torch::Tensor& x, bool apart) {
  if (!encoder->backbone) return {encoder->forward(x), {}};
  const auto scores = encoder->backbone->forward(x);
  return {encoder->code_of_scores(apart ? scores.detach() : scores), scores};
}

Result<TrainedImageEncoder> train_to_segment(const SliceSet& slices,
                                             const ImageEncoderOptions& options, BytesView secret,
                                             const Job& job) {
  const auto device = torch_device(job.compute.device);
  const MaskChannels channels{options.structures, false};
  auto how = segmenting(options, secret);
  how.kept = how.kept.to(device);
  const bool is_hardened = options.learning == EncoderLearning::hardened;
  SegmentingEncoder net(channels.count(), options.backbone);
  const bool has_backbone = options.backbone == Backbone::unet;  // else as before there were any
  if (has_backbone)
    how.texts.merge(
        Texts{{"backbone", "unet"}, {"structures", std::to_string(options.structures)}});
  const auto weights = class_weights(slices, channels).to(device);
  Batches batches(slices, {options.augmentation, options.recipe.batch, options.window},
                  Seeds(secret));
  const auto draw = [&](StepInput input) { return batches.draw(input); };
  const auto loss = [&](const Lot& lot) {
    const auto x = placed(lot.tensors[0], device);
    const auto target = placed(one_hot(lot.tensors[1], channels), device);
    const auto seen = codes_and_scores(net->encoder, x, is_hardened);
    const auto code = with_code_noise(seen.codes * how.kept, how.code_noise);
    const auto shown = x.narrow(0, 0, how.decoded);
    const auto decoded = net->decoder->forward(how.contest.through(code.narrow(0, 0, how.decoded)));
    const auto attack = torch::mse_loss(decoded, shown);
    how.contest.judge(attack, shown);
    auto sum = attack + mask_loss(net->task_decoder->forward(code), target, channels, weights);
    if (!seen.scores.defined()) return sum;
    return sum + mask_loss(seen.scores, target, channels, weights);
  };
  const Purpose purpose{"image-encoder",
                        fingerprint(slices, options.recipe,
                                    fmt::format("{} window={}{}", how.fingerprint, options.window,
                                                has_backbone ? " backbone=unet" : "")),
                        {}};
  const auto end = run_training({*net, options.recipe, purpose, Seeds(secret)}, job, {draw, loss});
  if (!end) return pass(end);
  return finished({net->encoder, net->decoder, how.kept, how.texts}, slices, end->loss, device);
}

}  // namespace

Result<TrainedImageEncoder> train_image_encoder(const SliceSet& slices,
                                                const ImageEncoderOptions& options,
                                                BytesView secret_seed, const Job& job) {
  if (auto sound = check_seed(secret_seed); !sound) return pass(sound);
  if (auto sound = check_training(slices, structures_max, options.recipe); !sound)
    return pass(sound);
  if (auto ready = prepare_compute(job.compute); !ready) return pass(ready);
  if (auto sound = check_window(options.window); !sound) return pass(sound);
  const bool segments = options.learning != EncoderLearning::reconstruct;
  if (segments && slices.labels.empty())
    return fail(Kind::invalid, "encoder.no_masks", "There are no masks for the encoder's task.",
                "Choose 'reconstruct' in the plan, or give masks.");
  return guarded("training the image encoder", [&] {
    return segments ? train_to_segment(slices, options, secret_seed, job)
                    : train_to_reproduce(slices, options, Seeds(secret_seed), job);
  });
}

Result<TrainedMaskEncoder> train_mask_encoder(const SliceSet& slices,
                                              const MaskEncoderOptions& options,
                                              BytesView secret_seed, const Job& job) {
  if (auto sound = check_seed(secret_seed); !sound) return pass(sound);
  if (options.structures < 1 || options.structures > structures_max)
    return fail(Kind::invalid, "encoder.structures", "A study has 1 to 16 structures.",
                "Check the labels in the plan.");
  if (auto sound = check_training(slices, options.structures, options.recipe); !sound)
    return pass(sound);
  if (auto sound = check_window(options.window); !sound) return pass(sound);
  if (slices.labels.empty())
    return fail(Kind::invalid, "encoder.no_masks", "There are no masks to learn from.",
                "Check that every training case has its mask.");
  if (auto ready = prepare_compute(job.compute); !ready) return pass(ready);
  return guarded("training the mask encoder", [&] {
    return train_mask_attempts(split(slices, options.held_out_percent), options, secret_seed, job);
  });
}

}  // namespace cloister::networks
