#include "networks/plain_unet.h"

#include <fmt/format.h>

#include "networks/batches.h"
#include "networks/coding.h"
#include "networks/modules.h"
#include "networks/training.h"

namespace cloister::networks {
namespace {

constexpr UNetWidths unet_widths{16, 32, 64, 128, 128};
const std::string unet_kind = "cloister-plain-unet";

Result<Bytes> train(const SliceSet& slices, const PlainUnetOptions& options, const Job& job) {
  const auto device = torch_device(job.compute.device);
  const MaskChannels channels{options.structures, false};
  UNet net(unet_widths, channels.count());
  const auto weights = class_weights(slices, channels).to(device);
  const auto seeds = Seeds::from_public(options.seed);
  Batches batches(slices, {options.augmentation, options.recipe.batch, 0}, seeds);
  const auto draw = [&](StepInput input) { return batches.draw(input); };
  const auto loss = [&](const Lot& lot) {
    const auto target = placed(one_hot(lot.tensors[1], channels), device);
    return mask_loss(net->forward(placed(lot.tensors[0], device)), target, channels, weights);
  };
  const Purpose purpose{
      "plain-unet",
      fmt::format("{} {} {}", slices.size(), to_text(options.recipe), options.seed),
      {}};
  const auto end = run_training({*net, options.recipe, purpose, seeds}, job, {draw, loss});
  if (!end) return pass(end);
  return save_network(*net, mask_texts(unet_kind, channels), {});
}

}  // namespace

Result<Bytes> train_plain_unet(const SliceSet& slices, const PlainUnetOptions& options,
                               const Job& job) {
  if (auto sound = check_slices(slices, options.structures); !sound) return pass(sound);
  if (slices.size() == 0 || slices.labels.empty())
    return fail(Kind::invalid, "encoder.no_masks", "There are no masks to learn from.",
                "Check that every training case has its mask.");
  if (auto sound = check_recipe(options.recipe); !sound) return pass(sound);
  if (auto ready = prepare_compute(job.compute); !ready) return pass(ready);
  return guarded("training the plain U-Net", [&] { return train(slices, options, job); });
}

Result<FloatTensor> segment_plainly(BytesView network, const SliceSet& slices,
                                    const Compute& compute) {
  if (auto ready = prepare_compute(compute); !ready) return pass(ready);
  const auto file = tensorfile::read_tensor_file(network);
  if (!file) return pass(file);
  if (auto right = check_kind(*file, unet_kind); !right) return pass(right);
  const auto channels = mask_channels_in(*file);
  if (!channels) return pass(channels);
  return guarded("segmenting with the plain U-Net", [&]() -> Result<FloatTensor> {
    UNet net(unet_widths, channels->count());
    auto loaded = load_network(*file, *net, {});
    if (!loaded) return pass(loaded);
    const auto device = torch_device(compute.device);
    net->to(device);
    net->eval();
    return to_plain(in_batches(slices.size(), [&](std::int64_t at, std::int64_t count) {
      return probabilities_of(net->forward(placed(image_tensor(slices, at, count), device)),
                              *channels);
    }));
  });
}

}  // namespace cloister::networks
