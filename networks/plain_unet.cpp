#include "networks/plain_unet.h"

#include <fmt/format.h>

#include "networks/coding.h"
#include "networks/modules.h"
#include "networks/training.h"

namespace cloister::networks {
namespace {

constexpr UNetWidths unet_widths{16, 32, 64, 128, 128};
const std::string unet_kind = "cloister-plain-unet";

// The next slices of an epoch, each augmented afresh.
SliceSet drawn(const SliceSet& slices, const PlainUnetOptions& options, EpochOrder& order,
               StepInput input) {
  std::vector<std::size_t> chosen;
  const auto batch = static_cast<std::uint64_t>(options.recipe.batch);
  for (std::uint64_t i = 0; i < batch; ++i)
    chosen.push_back(order.at(static_cast<std::uint64_t>(input.step) * batch + i));
  const SliceSet plain = slices_at(slices, chosen);
  SliceSet views = plain;
  const std::size_t pixels = slices.pixels();
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    const SliceView in{{plain.images.data() + i * pixels, pixels},
                       {plain.labels.data() + i * pixels, pixels}};
    const SliceOut out{{views.images.data() + i * pixels, pixels},
                       {views.labels.data() + i * pixels, pixels}};
    augment(options.augmentation, slices.height, slices.width, input.prng, in, out);
  }
  return views;
}

Result<Bytes> train(const SliceSet& slices, const PlainUnetOptions& options, const Job& job) {
  const auto device = torch_device(job.compute.device);
  const MaskChannels channels{options.structures, false};
  UNet net(unet_widths, channels.count());
  const auto weights = class_weights(slices, channels).to(device);
  const auto seeds = Seeds::from_public(options.seed);
  EpochOrder order(seeds, slices.size());
  const auto loss_of_step = [&](StepInput input) {
    const auto views = drawn(slices, options, order, input);
    const auto x = placed(image_tensor(views, 0, views.size()), device);
    const auto target = placed(one_hot(label_tensor(views, 0, views.size()), channels), device);
    return mask_loss(net->forward(x), target, channels, weights);
  };
  const Purpose purpose{
      "plain-unet",
      fmt::format("{} {} {}", slices.size(), to_text(options.recipe), options.seed),
      {}};
  const auto end = run_training({*net, options.recipe, purpose, seeds}, job, loss_of_step);
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
