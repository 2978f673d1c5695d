// What training, encoding and tuning share. Internal.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <string>
#include <vector>

#include "networks/encoders.h"
#include "networks/modules.h"
#include "networks/weights.h"

namespace cloister::networks {

inline constexpr int structures_max = 16;
inline constexpr std::int64_t coding_batch = 16;  // slices at once when nothing is learnt

// What `map` makes of samples `from` to `from + count`, a few at a time and without gradients;
// joined on the CPU. Undefined of none at all.
using MapSome = std::function<torch::Tensor(std::int64_t from, std::int64_t count)>;
[[nodiscard]] torch::Tensor in_batches(std::int64_t samples, const MapSome& map);

// How labels become channels.
struct MaskChannels {
  int structures = 3;
  bool foreground_only = false;
  [[nodiscard]] int count() const { return structures + (foreground_only ? 0 : 1); }
};

// Labels [N, H, W] (bytes) to one-hot [N, channels, H, W].
[[nodiscard]] torch::Tensor one_hot(const torch::Tensor& labels, const MaskChannels& channels);
// Network outputs to probabilities [N, structures + 1, H, W], background first.
[[nodiscard]] torch::Tensor probabilities_of(const torch::Tensor& outputs,
                                             const MaskChannels& channels);
// Weighted cross-entropy + Dice over the structures of the batch. `weights` by channel.
[[nodiscard]] torch::Tensor mask_loss(const torch::Tensor& outputs, const torch::Tensor& target,
                                      const MaskChannels& channels, const torch::Tensor& weights);
// By channel: inverse square root of its share of the pixels, mean 1, none over ten times another.
[[nodiscard]] torch::Tensor class_weights(const SliceSet& slices, const MaskChannels& channels);

// Adds noise in units of each channel's deviation over the batch.
[[nodiscard]] torch::Tensor with_code_noise(const torch::Tensor& code, double noise);

// Channels-last and on the device.
[[nodiscard]] torch::Tensor placed(const torch::Tensor& tensor, torch::Device device);
[[nodiscard]] torch::Tensor image_tensor(const SliceSet& slices, std::size_t from,
                                         std::size_t count);
[[nodiscard]] torch::Tensor label_tensor(const SliceSet& slices, std::size_t from,
                                         std::size_t count);

// Between a network's own codes and standardised ones, per channel.
struct CodeFrame {
  torch::Tensor mean, deviation;  // [128]

  [[nodiscard]] torch::Tensor standardise(const torch::Tensor& code) const;
  // Codes are post-ReLU: what lies below zero never was.
  [[nodiscard]] torch::Tensor undo(const torch::Tensor& standardised) const;
  [[nodiscard]] CodeFrame on(torch::Device device) const;
  [[nodiscard]] Tensors tensors() const;
  [[nodiscard]] static CodeFrame from(const Tensors& tensors);
};
inline const std::vector<std::string> frame_names{"code_mean", "code_deviation"};
// From codes [N, 128, h, w]. Dead channels get a deviation of one, so that they stay zero.
[[nodiscard]] CodeFrame frame_of(const torch::Tensor& codes);

// A mask decoder as its file holds it.
struct MaskDecoder {
  DecoderNet net{nullptr};
  MaskChannels channels;
  CodeFrame frame;
};
[[nodiscard]] Result<MaskDecoder> load_mask_decoder(BytesView decoder);

[[nodiscard]] Texts mask_texts(std::string kind, const MaskChannels& channels);
[[nodiscard]] Result<MaskChannels> mask_channels_in(const tensorfile::TensorFileView& file);

}  // namespace cloister::networks
