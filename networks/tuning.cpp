#include <fmt/format.h>

#include "networks/coding.h"
#include "networks/encoders.h"
#include "networks/score.h"
#include "networks/training.h"
#include "networks/views.h"

namespace cloister::networks {
namespace {

Result<std::vector<double>> dice_of(BytesView decoder, const FloatTensor& codes,
                                    const SliceSet& truth, int structures, const Compute& compute) {
  const auto net = Decoder::load(decoder, compute);
  if (!net) return pass(net);
  const auto probabilities = net->decode(codes);
  if (!probabilities) return pass(probabilities);
  const auto labels = most_probable(*probabilities);
  return dice_by_structure({labels, truth.labels, truth.volume, truth.pixels()}, structures);
}

Result<void> check_pairs(const FloatTensor& predicted, const SliceSet& truth, int structures) {
  if (auto sound = check_slices(truth, structures); !sound) return sound;
  const std::vector<std::int64_t> expected{static_cast<std::int64_t>(truth.size()), code_channels,
                                           truth.height / code_stride, truth.width / code_stride};
  if (predicted.shape == expected && !truth.labels.empty() && truth.size() > 0) return {};
  return fail(Kind::invalid, "tuning.shape",
              "Predicted codes and masks to tune the decoder on do not match.",
              "Predict exactly the slices whose masks are given.");
}

Result<Bytes> tune(MaskDecoder& loaded, const FloatTensor& predicted, const SliceSet& truth,
                   const TuningOptions& options, const Job& job) {
  const auto device = torch_device(job.compute.device);
  const auto codes = loaded.frame.undo(from_plain(predicted));
  const auto labels = label_tensor(truth, 0, truth.size());
  const auto weights = class_weights(truth, loaded.channels).to(device);
  const auto seeds = Seeds::from_public(truth.size());
  EpochOrder order(seeds, truth.size());
  const auto draw = [&](StepInput input) {
    std::vector<std::int64_t> chosen;
    for (int i = 0; i < options.recipe.batch; ++i)
      chosen.push_back(static_cast<std::int64_t>(
          order.at(static_cast<std::uint64_t>(input.step * options.recipe.batch + i))));
    const auto index = torch::tensor(chosen);
    return Lot{{codes.index_select(0, index), labels.index_select(0, index)}};
  };
  const auto loss = [&](const Lot& lot) {
    const auto target = placed(one_hot(lot.tensors[1], loaded.channels), device);
    const auto code = placed(lot.tensors[0], device);
    const auto outputs = loaded.net->forward(with_code_noise(code, options.code_noise));
    return mask_loss(outputs, target, loaded.channels, weights);
  };
  const Purpose purpose{
      "mask-decoder-tuning",
      fmt::format("{} {} noise={}", truth.size(), to_text(options.recipe), options.code_noise),
      {}};
  const auto end = run_training({*loaded.net, options.recipe, purpose, seeds, Start::as_given}, job,
                                {draw, loss});
  if (!end) return pass(end);
  return save_network(*loaded.net, mask_texts("cloister-mask-decoder", loaded.channels),
                      loaded.frame.tensors());
}

}  // namespace

Result<TunedDecoder> tune_mask_decoder(BytesView decoder, const FloatTensor& predicted,
                                       const SliceSet& truth, const TuningOptions& options,
                                       const Job& job) {
  const bool nothing_to_do = options.recipe.steps == 0;
  if (!nothing_to_do)
    if (auto sound = check_recipe(options.recipe); !sound) return pass(sound);
  if (auto ready = prepare_compute(job.compute); !ready) return pass(ready);
  return guarded("tuning the mask decoder", [&]() -> Result<TunedDecoder> {
    auto loaded = load_mask_decoder(decoder);
    if (!loaded) return pass(loaded);
    const int structures = loaded->channels.structures;
    if (auto sound = check_pairs(predicted, truth, structures); !sound) return pass(sound);
    auto before = dice_of(decoder, predicted, truth, structures, job.compute);
    if (!before) return pass(before);
    if (nothing_to_do) return TunedDecoder{{decoder.begin(), decoder.end()}, *before, *before};
    auto tuned = tune(*loaded, predicted, truth, options, job);
    if (!tuned) return pass(tuned);
    auto after = dice_of(*tuned, predicted, truth, structures, job.compute);
    if (!after) return pass(after);
    return TunedDecoder{std::move(*tuned), std::move(*before), std::move(*after)};
  });
}

}  // namespace cloister::networks
