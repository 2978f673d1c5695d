#include "networks/segmentation.h"

#include <fmt/format.h>

#include <sstream>
#include <stdexcept>

#include "networks/coding.h"
#include "networks/modules.h"
#include "networks/training.h"
#include "networks/weights.h"

namespace cloister::networks {
namespace {

constexpr std::string_view segmentation_kind = "cloister-segmentation";
constexpr int sites_max = 256;
constexpr int grid_blocks_max = 16;
constexpr double site_loss_decay = 0.98;

Result<void> check_options(const SegmentationOptions& options) {
  if (options.levels < 1 || options.levels > 4 || options.grid_blocks < 0 ||
      options.grid_blocks > grid_blocks_max)
    return fail(Kind::invalid, "segmentation.levels",
                fmt::format("A segmentation network has 1 to 4 levels and 0 to {} grid blocks.",
                            grid_blocks_max),
                "Correct the plan.");
  return check_recipe(options.recipe);
}

Result<void> check_codes(const CodeSource& codes) {
  if (codes.sites() < 1 || codes.sites() > sites_max)
    return fail(Kind::invalid, "segmentation.sites",
                "There are no sites to learn from, or too many.",
                "Wait until the study's quorum of encoded datasets is there.");
  for (int site = 0; site < codes.sites(); ++site)
    if (codes.samples(site) == 0)
      return fail(Kind::invalid, "segmentation.empty_site",
                  fmt::format("Site number {} has no codes.", site),
                  "Leave the site out of this version of the study, or wait for its upload.");
  return {};
}

// One batch holds one site: its batch-norm sees its own codes. Sites take turns, so that a small
// site weighs as much as a large one.
class CodeBatches {
 public:
  // `batch` is that of all ranks; this one draws its own share of it.
  CodeBatches(CodeSource& codes, int batch, const Seeds& seeds, const Ranks* ranks)
      : codes_(codes),
        batch_(batch),
        share_(ranks == nullptr ? batch : batch / ranks->size()),
        first_(ranks == nullptr ? 0 : share_ * ranks->rank()) {
    for (int site = 0; site < codes.sites(); ++site)
      orders_.emplace_back(seeds.attempt(static_cast<std::uint64_t>(site) + 1),
                           codes.samples(site));
  }

  [[nodiscard]] int site_at(std::int64_t step) const {
    return static_cast<int>(step % codes_.sites());
  }
  struct Pairs {
    torch::Tensor image, mask;
  };
  // Throws what the source cannot read, as LibTorch does what it cannot compute.
  Pairs draw(std::int64_t step) {
    const std::vector<std::int64_t> shape{share_, code_channels, codes_.grid_height(),
                                          codes_.grid_width()};
    Pairs pairs{torch::empty(shape), torch::empty(shape)};
    const int site = site_at(step);
    const auto floats = static_cast<std::size_t>(pairs.image[0].numel());
    for (int i = 0; i < share_; ++i) {
      const auto at = static_cast<std::size_t>(i) * floats;
      const auto read =
          codes_.read(site, sample_at(step, i), {pairs.image.data_ptr<float>() + at, floats},
                      {pairs.mask.data_ptr<float>() + at, floats});
      if (!read) throw std::runtime_error(to_string(read.error()));
    }
    for (int i = 0; i < share_; ++i) codes_.expect(site_at(step + 1), sample_at(step + 1, i));
    return pairs;
  }

 private:
  [[nodiscard]] std::size_t sample_at(std::int64_t step, int item) {
    const auto position =
        static_cast<std::uint64_t>((step / codes_.sites()) * batch_ + first_ + item);
    return orders_[static_cast<std::size_t>(site_at(step))].at(position);
  }

  CodeSource& codes_;
  int batch_, share_, first_;
  std::vector<EpochOrder> orders_;
};

// A running mean of each site's loss, on the device.
class SiteLosses {
 public:
  SiteLosses(int sites, torch::Device device)
      : means_(torch::zeros({sites}, torch::device(device))),
        seen_(static_cast<std::size_t>(sites)) {}

  // How far each mean follows in this site's next step; to be drawn with its lot.
  [[nodiscard]] torch::Tensor follow(int site) {
    auto weights = torch::zeros({static_cast<std::int64_t>(seen_.size())});
    const auto place = static_cast<std::size_t>(site);
    weights[site] = seen_[place] ? 1 - site_loss_decay : 1.0;
    seen_[place] = true;
    return weights;
  }
  void add(const torch::Tensor& loss, const torch::Tensor& follow) {
    torch::NoGradGuard no_grad;
    means_.lerp_(loss.detach().expand_as(means_), follow);
  }
  [[nodiscard]] std::vector<double> means() const {
    const auto plain = to_plain(means_);
    return {plain.data.begin(), plain.data.end()};
  }

 private:
  torch::Tensor means_;
  std::vector<bool> seen_;
};

// Looks at predicted codes through the sites' own mask decoders.
class Guidance {
 public:
  static Result<Guidance> load(const std::vector<Bytes>& decoders,
                               const SegmentationOptions& options, torch::Device device) {
    Guidance guidance;
    guidance.options_ = options;
    for (const auto& bytes : decoders) {
      auto decoder = load_mask_decoder(bytes);
      if (!decoder) return pass(decoder);
      decoder->net->to(device);
      decoder->net->eval();
      for (auto& parameter : decoder->net->parameters()) parameter.set_requires_grad(false);
      decoder->frame = decoder->frame.on(device);
      guidance.decoders_.push_back(std::move(*decoder));
    }
    return guidance;
  }

  [[nodiscard]] torch::Tensor loss(int site, const torch::Tensor& predicted,
                                   const torch::Tensor& truth) {
    auto& decoder = decoders_[static_cast<std::size_t>(site)];
    const auto items = std::min<std::int64_t>(options_.guidance_batch, predicted.size(0));
    const auto decoded = [&](const torch::Tensor& codes) {
      return decoder.net->forward(decoder.frame.undo(codes.narrow(0, 0, items)));
    };
    torch::Tensor labels;
    {
      torch::NoGradGuard no_grad;
      labels = probabilities_of(decoded(truth), decoder.channels).argmax(1);
    }
    const auto target = one_hot(labels.to(torch::kUInt8), decoder.channels);
    return mask_loss(decoded(predicted), target, decoder.channels, weights_of(target));
  }

 private:
  // As class_weights, from the one-hot labels of this batch.
  static torch::Tensor weights_of(const torch::Tensor& target) {
    auto weights = (target.sum({0, 2, 3}) + 1).rsqrt();
    weights = (weights / weights.max()).clamp_min(0.1);
    return weights / weights.mean();
  }

  SegmentationOptions options_;
  std::vector<MaskDecoder> decoders_;
};

torch::Tensor disturbed(torch::Tensor code, const SegmentationOptions& options) {
  if (options.code_noise > 0) code = code + options.code_noise * torch::randn_like(code);
  if (options.channel_drop_percent <= 0) return code;
  const double kept = 1 - options.channel_drop_percent / 100;
  const auto mask = torch::rand({code.size(0), code.size(1), 1, 1}, code.options()) < kept;
  return code * mask / kept;
}

// Files of before there were names have none.
Result<std::vector<std::string>> names_in(const tensorfile::TensorFileView& file, int sites) {
  std::vector<std::string> names;
  std::istringstream listed(file.text("site_names").value_or(""));
  for (std::string name; std::getline(listed, name, ',');) names.push_back(name);
  if (names.empty() || sites == 0 || names.size() == static_cast<std::size_t>(sites)) return names;
  return fail(Kind::corrupt, "weights.site_names",
              fmt::format("The network names {} sites and has places for {}.", names.size(), sites),
              "Fetch it again from its source.");
}

Texts texts_of(const SegmentationOptions& options, int sites) {
  return {{"site_names", fmt::format("{}", fmt::join(options.site_names, ","))},
          {"kind", std::string(segmentation_kind)},
          {"pooling", std::string(to_string(options.pooling))},
          {"levels", std::to_string(options.levels)},
          {"grid_blocks", std::to_string(options.grid_blocks)},
          {"sites", std::to_string(sites)}};
}

std::string fingerprint(const CodeSource& codes, const SegmentationOptions& options) {
  std::string text =
      fmt::format("{} levels={} blocks={} noise={} drop={} {}", to_string(options.pooling),
                  options.levels, options.grid_blocks, options.code_noise,
                  options.channel_drop_percent, to_text(options.recipe));
  if (options.pooling == Pooling::guided)
    text += fmt::format(" guidance={} of {}", options.guidance, options.guidance_batch);
  for (int site = 0; site < codes.sites(); ++site) text += fmt::format(" {}", codes.samples(site));
  return text + fmt::format(" of {}", fmt::join(options.site_names, ","));
}

Result<void> check_shares(const SegmentationOptions& options, const Ranks* ranks) {
  const int size = ranks == nullptr ? 1 : ranks->size();
  if (options.recipe.batch % size == 0 && options.recipe.batch / size >= 2) return {};
  return fail(Kind::invalid, "segmentation.ranks",
              fmt::format("A batch of {} cannot be shared by {} ranks: each needs the same number, "
                          "two at least.",
                          options.recipe.batch, size),
              "Choose a batch in the plan that is a multiple of the ranks, or fewer ranks.");
}

Result<void> check_decoders(const CodeSource& codes, const SegmentationOptions& options,
                            const std::vector<Bytes>& decoders) {
  const bool guided = options.pooling == Pooling::guided;
  if (decoders.size() == (guided ? static_cast<std::size_t>(codes.sites()) : 0)) return {};
  return fail(Kind::invalid, "segmentation.decoders",
              guided ? fmt::format("Guided pooling needs the mask decoder of each of {} sites; {} "
                                   "were given.",
                                   codes.sites(), decoders.size())
                     : "Mask decoders were given, but the plan's pooling is not 'guided'.",
              "Check the plan's pooling and that each site released its mask decoder for it.");
}

Result<TrainedSegmentation> train(CodeSource& codes, const SegmentationOptions& options,
                                  const Job& job, const std::vector<Bytes>& mask_decoders) {
  const auto device = torch_device(job.compute.device);
  auto guidance = Guidance::load(mask_decoders, options, device);
  if (!guidance) return pass(guidance);
  const int sites = options.pooling == Pooling::plain ? 0 : codes.sites();
  SegmentationNet net(options, sites);
  const auto seeds = Seeds::from_public(options.seed);
  CodeBatches batches(codes, options.recipe.batch, seeds, job.ranks.get());
  SiteLosses losses(codes.sites(), device);
  const auto draw = [&](StepInput input) {
    auto pairs = batches.draw(input.step);
    const int site = batches.site_at(input.step);
    // Without parts of its own for each site a step is the same for all.
    return Lot{{pairs.image, pairs.mask, losses.follow(site)}, sites == 0 ? 0 : site};
  };
  const auto loss = [&](const Lot& lot) {
    const auto code = disturbed(placed(lot.tensors[0], device), options);
    const auto truth = placed(lot.tensors[1], device);
    const auto predicted = net->forward(code, lot.kind);
    auto sum = torch::mse_loss(predicted, truth);
    if (options.pooling == Pooling::guided)
      sum = sum + options.guidance * guidance->loss(lot.kind, predicted, truth);
    losses.add(sum, lot.tensors[2]);
    return sum;
  };
  const Purpose purpose{"segmentation", fingerprint(codes, options), {}};
  const auto end = run_training({*net, options.recipe, purpose, seeds}, job, {draw, loss});
  if (!end) return pass(end);
  TrainedSegmentation trained;
  trained.site_loss = losses.means();
  trained.network = save_network(*net, texts_of(options, sites), {});
  trained.final_loss = end->loss;
  return trained;
}

}  // namespace

Result<TrainedSegmentation> train_segmentation(CodeSource& codes,
                                               const SegmentationOptions& options, const Job& job,
                                               const std::vector<Bytes>& mask_decoders) {
  if (auto sound = check_options(options); !sound) return pass(sound);
  if (auto sound = check_codes(codes); !sound) return pass(sound);
  if (auto sound = check_decoders(codes, options, mask_decoders); !sound) return pass(sound);
  if (auto sound = check_shares(options, job.ranks.get()); !sound) return pass(sound);
  if (auto ready = prepare_compute(job.compute); !ready) return pass(ready);
  return guarded("training the segmentation network",
                 [&] { return train(codes, options, job, mask_decoders); });
}

struct SegmentationNetwork::Parts {
  SegmentationNet net{nullptr};
  std::vector<std::string> site_names;
  Pooling pooling = Pooling::plain;
  torch::Device device{torch::kCPU};
};

SegmentationNetwork::SegmentationNetwork(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
SegmentationNetwork::SegmentationNetwork(SegmentationNetwork&&) noexcept = default;
SegmentationNetwork& SegmentationNetwork::operator=(SegmentationNetwork&&) noexcept = default;
SegmentationNetwork::~SegmentationNetwork() = default;

Pooling SegmentationNetwork::pooling() const { return parts_->pooling; }

const std::vector<std::string>& SegmentationNetwork::site_names() const {
  return parts_->site_names;
}

int SegmentationNetwork::sites() const { return std::max(parts_->net->sites, 1); }

Result<SegmentationNetwork> SegmentationNetwork::load(BytesView network, const Compute& compute) {
  if (auto ready = prepare_compute(compute); !ready) return pass(ready);
  const auto file = tensorfile::read_tensor_file(network);
  if (!file) return pass(file);
  if (auto right = check_kind(*file, segmentation_kind); !right) return pass(right);
  SegmentationOptions options;
  const auto levels = number_in(*file, "levels", 1, 4);
  if (!levels) return pass(levels);
  const auto blocks = number_in(*file, "grid_blocks", 0, grid_blocks_max);
  if (!blocks) return pass(blocks);
  const auto sites = number_in(*file, "sites", 0, sites_max);
  if (!sites) return pass(sites);
  const auto pooling = parse_pooling(file->text("pooling").value_or(""));
  if (!pooling) return pass(pooling);
  const auto names = names_in(*file, *sites);
  if (!names) return pass(names);
  options.levels = *levels;
  options.grid_blocks = *blocks;
  return guarded("loading the segmentation network", [&]() -> Result<SegmentationNetwork> {
    auto parts = std::make_unique<Parts>();
    parts->net = SegmentationNet(options, *sites);
    parts->pooling = *pooling;
    parts->site_names = *names;
    if (auto filled = load_network(*file, *parts->net, {}); !filled) return pass(filled);
    parts->device = torch_device(compute.device);
    parts->net->to(parts->device);
    parts->net->eval();
    return SegmentationNetwork(std::move(parts));
  });
}

Result<FloatTensor> SegmentationNetwork::predict(const FloatTensor& image_codes, int site) const {
  if (image_codes.shape.size() != 4 || image_codes.shape[1] != code_channels)
    return fail(Kind::invalid, "predict.shape", "Image codes are not [N, 128, h, w].",
                "Encode the slices with the site's image encoder.");
  if (site < 0 || (parts_->net->sites > 0 && site >= parts_->net->sites))
    return fail(Kind::invalid, "predict.site",
                fmt::format("The network knows no site number {}.", site),
                "Ask for a site of the study whose network this is.");
  return guarded("predicting mask codes", [&]() -> Result<FloatTensor> {
    const auto all = from_plain(image_codes);
    if (all.size(0) == 0) return image_codes;
    return to_plain(in_batches(all.size(0), [&](std::int64_t at, std::int64_t count) {
      return parts_->net->forward(placed(all.narrow(0, at, count), parts_->device), site);
    }));
  });
}

}  // namespace cloister::networks
