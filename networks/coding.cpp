#include "networks/coding.h"

#include <cstring>

#include "networks/hardening.h"
#include "networks/training.h"
#include "tensorfile/half.h"

namespace cloister::networks {
namespace {

constexpr double dead_deviation = 1e-4;

torch::Tensor per_channel(const torch::Tensor& values) { return values.view({1, -1, 1, 1}); }

std::vector<float> plain_values(const torch::Tensor& tensor) { return to_plain(tensor).data; }

}  // namespace

torch::Tensor one_hot(const torch::Tensor& labels, const MaskChannels& channels) {
  const int first = channels.foreground_only ? 1 : 0;
  const auto classes = torch::arange(first, channels.structures + 1, labels.options());
  return (labels.unsqueeze(1) == classes.view({1, -1, 1, 1})).to(torch::kFloat);
}

torch::Tensor probabilities_of(const torch::Tensor& outputs, const MaskChannels& channels) {
  if (!channels.foreground_only) return outputs.softmax(1);
  const auto structures = outputs.sigmoid();
  const auto background = 1 - std::get<0>(structures.max(1, true));
  const auto all = torch::cat({background, structures}, 1);
  return all / all.sum(1, true);
}

torch::Tensor mask_loss(const torch::Tensor& outputs, const torch::Tensor& target,
                        const MaskChannels& channels, const torch::Tensor& weights) {
  namespace F = torch::nn::functional;
  torch::Tensor predicted, cross_entropy;
  if (channels.foreground_only) {
    predicted = outputs.sigmoid();
    cross_entropy = torch::binary_cross_entropy_with_logits(outputs, target);
  } else {
    predicted = outputs.softmax(1);
    cross_entropy =
        F::cross_entropy(outputs, target.argmax(1), F::CrossEntropyFuncOptions().weight(weights));
  }
  const auto both = 2 * (predicted * target).sum({0, 2, 3}) + 1;
  const auto dice = both / (predicted.sum({0, 2, 3}) + target.sum({0, 2, 3}) + 1);
  const auto structures = channels.foreground_only ? dice : dice.narrow(0, 1, channels.structures);
  return cross_entropy + 1 - structures.mean();
}

torch::Tensor class_weights(const SliceSet& slices, const MaskChannels& channels) {
  std::vector<double> counts(static_cast<std::size_t>(channels.structures) + 1, 1.0);
  for (const std::uint8_t label : slices.labels) counts[label] += 1;
  if (channels.foreground_only) counts.erase(counts.begin());
  auto weights = torch::tensor(counts, torch::kDouble).rsqrt();
  weights = weights / weights.max();
  weights = weights.clamp_min(0.1);
  return (weights / weights.mean()).to(torch::kFloat);
}

torch::Tensor with_code_noise(const torch::Tensor& code, double noise) {
  if (noise <= 0) return code;
  const auto deviation = code.detach().std({0, 2, 3}, /*unbiased=*/false, /*keepdim=*/true);
  return code + noise * deviation * torch::randn_like(code);
}

torch::Tensor placed(const torch::Tensor& tensor, torch::Device device) {
  // Out of pinned memory without waiting; what comes next on the device waits for it.
  const bool goes_on = tensor.is_pinned();
  return tensor.to(device, goes_on).contiguous(torch::MemoryFormat::ChannelsLast);
}

torch::Tensor in_batches(std::int64_t samples, const MapSome& map) {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> parts;
  for (std::int64_t at = 0; at < samples; at += coding_batch)
    parts.push_back(map(at, std::min(coding_batch, samples - at)).cpu().contiguous());
  return parts.empty() ? torch::Tensor() : torch::cat(parts);
}

torch::Tensor image_tensor(const SliceSet& slices, std::size_t from, std::size_t count) {
  const std::size_t pixels = slices.pixels();
  auto tensor = torch::empty({static_cast<std::int64_t>(count), 1, slices.height, slices.width});
  std::memcpy(tensor.data_ptr<float>(), slices.images.data() + from * pixels,
              count * pixels * sizeof(float));
  return tensor;
}

torch::Tensor label_tensor(const SliceSet& slices, std::size_t from, std::size_t count) {
  const std::size_t pixels = slices.pixels();
  auto tensor =
      torch::empty({static_cast<std::int64_t>(count), slices.height, slices.width}, torch::kUInt8);
  std::memcpy(tensor.data_ptr<std::uint8_t>(), slices.labels.data() + from * pixels,
              count * pixels);
  return tensor;
}

torch::Tensor CodeFrame::standardise(const torch::Tensor& code) const {
  return (code - per_channel(mean)) / per_channel(deviation);
}

torch::Tensor CodeFrame::undo(const torch::Tensor& standardised) const {
  return (standardised * per_channel(deviation) + per_channel(mean)).clamp_min(0);
}

CodeFrame CodeFrame::on(torch::Device device) const {
  return {mean.to(device), deviation.to(device)};
}

Tensors CodeFrame::tensors() const { return {{"code_mean", mean}, {"code_deviation", deviation}}; }

CodeFrame CodeFrame::from(const Tensors& tensors) {
  return {tensors.at("code_mean"), tensors.at("code_deviation")};
}

CodeFrame frame_of(const torch::Tensor& codes) {
  auto deviation = codes.std({0, 2, 3}, /*unbiased=*/false);
  deviation = torch::where(deviation > dead_deviation, deviation, torch::ones_like(deviation));
  return {codes.mean({0, 2, 3}), deviation};
}

Result<MaskDecoder> load_mask_decoder(BytesView decoder) {
  const auto file = tensorfile::read_tensor_file(decoder);
  if (!file) return pass(file);
  if (auto right = check_kind(*file, "cloister-mask-decoder"); !right) return pass(right);
  const auto channels = mask_channels_in(*file);
  if (!channels) return pass(channels);
  MaskDecoder loaded{DecoderNet(channels->count()), *channels, {}};
  auto more = load_network(*file, *loaded.net, frame_names);
  if (!more) return pass(more);
  loaded.frame = CodeFrame::from(*more);
  return loaded;
}

Texts mask_texts(std::string kind, const MaskChannels& channels) {
  return {{"kind", std::move(kind)},
          {"structures", std::to_string(channels.structures)},
          {"foreground_only", channels.foreground_only ? "1" : "0"}};
}

Result<MaskChannels> mask_channels_in(const tensorfile::TensorFileView& file) {
  const auto structures = number_in(file, "structures", 1, structures_max);
  if (!structures) return pass(structures);
  const auto foreground = number_in(file, "foreground_only", 0, 1);
  if (!foreground) return pass(foreground);
  return MaskChannels{*structures, *foreground == 1};
}

namespace {

// Of an encoder's backbone, background included; 0: it has none.
Result<std::int64_t> backbone_classes_in(const tensorfile::TensorFileView& file) {
  if (!file.text("backbone")) return 0;
  const auto structures = number_in(file, "structures", 1, structures_max);
  if (!structures) return pass(structures);
  return *structures + 1;
}

}  // namespace

struct Encoder::Parts {
  EncoderNet net{nullptr};
  torch::Device device{torch::kCPU};
  bool masks = false;
  MaskChannels channels;
  std::vector<float> mean, deviation;
  CodeFrame frame;  // on the device
  std::optional<HardenedCodes> hardened;
};

Encoder::Encoder(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Encoder::Encoder(Encoder&&) noexcept = default;
Encoder& Encoder::operator=(Encoder&&) noexcept = default;
Encoder::~Encoder() = default;
bool Encoder::is_for_masks() const { return parts_->masks; }
const std::vector<float>& Encoder::code_mean() const { return parts_->mean; }
const std::vector<float>& Encoder::code_deviation() const { return parts_->deviation; }

Result<Encoder> Encoder::load(BytesView network, const Compute& compute) {
  if (auto ready = prepare_compute(compute); !ready) return pass(ready);
  const auto file = tensorfile::read_tensor_file(network);
  if (!file) return pass(file);
  auto parts = std::make_unique<Parts>();
  parts->masks = file->text("kind").value_or("") == "cloister-mask-encoder";
  const auto kind = parts->masks ? "cloister-mask-encoder" : "cloister-image-encoder";
  if (auto right = check_kind(*file, kind); !right) return pass(right);
  if (parts->masks) {
    const auto channels = mask_channels_in(*file);
    if (!channels) return pass(channels);
    parts->channels = *channels;
  }
  const auto classes = backbone_classes_in(*file);
  if (!classes) return pass(classes);
  auto hardened = hardened_codes_in(*file);
  if (!hardened) return pass(hardened);
  parts->hardened = std::move(*hardened);
  return guarded("loading an encoder", [&]() -> Result<Encoder> {
    parts->net = EncoderNet(parts->masks ? parts->channels.count() : 1, *classes);
    auto more = load_network(*file, *parts->net, frame_names);
    if (!more) return pass(more);
    parts->device = torch_device(compute.device);
    parts->net->to(parts->device);
    parts->net->eval();
    parts->mean = plain_values(more->at("code_mean"));
    parts->deviation = plain_values(more->at("code_deviation"));
    if (parts->mean.size() != code_channels || parts->deviation.size() != code_channels)
      return fail(Kind::corrupt, "weights.statistics", "The encoder's code statistics are not 128.",
                  "Fetch the network again, or train it anew.");
    parts->frame = CodeFrame::from(*more).on(parts->device);
    return Encoder(std::move(parts));
  });
}

Result<FloatTensor> Encoder::encode(const SliceSet& slices) const {
  const int structures = parts_->masks ? parts_->channels.structures : structures_max;
  if (auto sound = check_slices(slices, structures); !sound) return pass(sound);
  if (parts_->masks && slices.labels.empty())
    return fail(Kind::invalid, "encode.no_masks", "There are no masks to encode.",
                "Give labelled slices to a mask encoder.");
  return guarded("encoding slices", [&]() -> Result<FloatTensor> {
    if (slices.size() == 0)
      return FloatTensor{
          {0, code_channels, slices.height / code_stride, slices.width / code_stride}, {}};
    return to_plain(in_batches(slices.size(), [&](std::int64_t at, std::int64_t count) {
      const auto input = parts_->masks ? one_hot(label_tensor(slices, at, count), parts_->channels)
                                       : image_tensor(slices, at, count);
      const auto code = parts_->net->forward(placed(input, parts_->device));
      const auto standard = parts_->frame.standardise(code).cpu().contiguous();
      return parts_->hardened ? parts_->hardened->leave_as(standard, input) : standard;
    }));
  });
}

Result<FloatTensor> Encoder::segment(const SliceSet& slices) const {
  if (auto sound = check_slices(slices, structures_max); !sound) return pass(sound);
  if (!parts_->net->backbone)
    return fail(Kind::invalid, "encoder.no_backbone", "This encoder has no backbone that segments.",
                "Only encoders of a plan with backbone = \"unet\" have one.");
  return guarded("segmenting with an encoder's backbone", [&]() -> Result<FloatTensor> {
    const std::int64_t classes = parts_->net->backbone->output->options.out_channels();
    if (slices.size() == 0) return FloatTensor{{0, classes, slices.height, slices.width}, {}};
    return to_plain(in_batches(slices.size(), [&](std::int64_t at, std::int64_t count) {
      const auto x = placed(image_tensor(slices, at, count), parts_->device);
      return torch::softmax(parts_->net->backbone->forward(x), 1);
    }));
  });
}

struct Decoder::Parts {
  DecoderNet net{nullptr};
  torch::Device device{torch::kCPU};
  bool masks = false;
  MaskChannels channels;
  CodeFrame frame;
};

Decoder::Decoder(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Decoder::Decoder(Decoder&&) noexcept = default;
Decoder& Decoder::operator=(Decoder&&) noexcept = default;
Decoder::~Decoder() = default;

Result<Decoder> Decoder::load(BytesView network, const Compute& compute) {
  if (auto ready = prepare_compute(compute); !ready) return pass(ready);
  const auto file = tensorfile::read_tensor_file(network);
  if (!file) return pass(file);
  auto parts = std::make_unique<Parts>();
  parts->masks = file->text("kind").value_or("") == "cloister-mask-decoder";
  const auto kind = parts->masks ? "cloister-mask-decoder" : "cloister-image-decoder";
  if (auto right = check_kind(*file, kind); !right) return pass(right);
  if (parts->masks) {
    const auto channels = mask_channels_in(*file);
    if (!channels) return pass(channels);
    parts->channels = *channels;
  }
  return guarded("loading a decoder", [&]() -> Result<Decoder> {
    parts->net = DecoderNet(parts->masks ? parts->channels.count() : 1);
    auto more = load_network(*file, *parts->net, frame_names);
    if (!more) return pass(more);
    parts->device = torch_device(compute.device);
    parts->net->to(parts->device);
    parts->net->eval();
    parts->frame = CodeFrame::from(*more).on(parts->device);
    return Decoder(std::move(parts));
  });
}

Result<FloatTensor> Decoder::decode(const FloatTensor& codes) const {
  if (codes.shape.size() != 4 || codes.shape[1] != code_channels)
    return fail(Kind::invalid, "decode.shape", "Codes to decode are not [N, 128, h, w].",
                "Decode what this site's network predicted.");
  return guarded("decoding codes", [&]() -> Result<FloatTensor> {
    const auto all = from_plain(codes);
    if (all.size(0) == 0)
      return FloatTensor{{0, parts_->masks ? parts_->channels.structures + 1 : 1,
                          codes.shape[2] * code_stride, codes.shape[3] * code_stride},
                         {}};
    return to_plain(in_batches(all.size(0), [&](std::int64_t at, std::int64_t count) {
      const auto code = parts_->frame.undo(placed(all.narrow(0, at, count), parts_->device));
      const auto output = parts_->net->forward(code);
      return parts_->masks ? probabilities_of(output, parts_->channels) : output;
    }));
  });
}

}  // namespace cloister::networks
