// The networks as LibTorch modules. Internal: only the .cpp files of this room include it.
#pragma once

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "networks/encoders.h"
#include "networks/segmentation.h"

namespace cloister::networks {

// Channels of the encoding networks at H, H/2, H/4, H/8, H/16.
inline constexpr std::array<std::int64_t, 5> encoder_channels{8, 16, 32, 64, 128};
// Channels of the U-Net that an encoder may begin with, at H to H/16.
inline constexpr std::array<std::int64_t, 5> backbone_widths{8, 16, 32, 64, 128};
// Channels of the segmentation network at the code grid and after each up-sampling.
inline constexpr std::array<std::int64_t, 5> segmentation_channels{128, 64, 32, 16, 8};

// Names of modules that start as the identity.
inline const std::string adapter_prefix = "adapter_";

// Called with the name and the output of each level; for layer tables.
using Watch = std::function<void(const std::string&, const torch::Tensor&)>;

// Batch-norm with statistics and scale of its own for each site; plain batch-norm for one site.
struct SiteNormImpl : torch::nn::Module {
  SiteNormImpl(std::int64_t channels, int sites);
  torch::Tensor forward(const torch::Tensor& x, int site);
  std::vector<torch::nn::BatchNorm2d> norms;
};
TORCH_MODULE(SiteNorm);

// [Conv 3x3, BN, ReLU] x 2. Convolutions carry no bias: the batch-norm behind them would cancel it.
struct ConvBlockImpl : torch::nn::Module {
  ConvBlockImpl(std::int64_t from, std::int64_t to, int sites = 1);
  torch::Tensor forward(torch::Tensor x, int site = 0);
  torch::nn::Conv2d first{nullptr}, second{nullptr};
  SiteNorm first_norm{nullptr}, second_norm{nullptr};
};
TORCH_MODULE(ConvBlock);

// image -> class scores of each pixel, at the image's size. Five levels of `widths` channels, each
// handed across to the way up (Ronneberger et al., MICCAI 2015).
using UNetWidths = std::array<std::int64_t, 5>;
struct UNetImpl : torch::nn::Module {
  UNetImpl(const UNetWidths& widths, std::int64_t classes);
  torch::Tensor forward(torch::Tensor x);
  std::vector<ConvBlock> down, up;
  torch::nn::Conv2d output{nullptr};
};
TORCH_MODULE(UNet);

// x -> code: five levels, max-pool 2 between them. With classes, x is an image, and the levels see
// nothing of it but the class probabilities of a U-Net.
struct EncoderNetImpl : torch::nn::Module {
  explicit EncoderNetImpl(std::int64_t channels, std::int64_t classes = 0);
  torch::Tensor forward(torch::Tensor x, const Watch& watch = {});
  // The code of class scores that `backbone` gave.
  torch::Tensor code_of_scores(const torch::Tensor& scores);
  UNet backbone{nullptr};  // of an encoder with classes
  std::vector<ConvBlock> levels;

 private:
  torch::Tensor down(torch::Tensor x, const Watch& watch);
};
TORCH_MODULE(EncoderNet);

// code -> x: bilinear x2 and a block, four times; 1x1 convolution out.
struct DecoderNetImpl : torch::nn::Module {
  explicit DecoderNetImpl(std::int64_t channels);
  torch::Tensor forward(torch::Tensor code, const Watch& watch = {});
  std::vector<ConvBlock> levels;
  torch::nn::Conv2d output{nullptr};
};
TORCH_MODULE(DecoderNet);

struct AutoencoderImpl : torch::nn::Module {
  explicit AutoencoderImpl(std::int64_t channels);
  EncoderNet encoder{nullptr};
  DecoderNet decoder{nullptr};
};
TORCH_MODULE(Autoencoder);

// `task` and `hardened`: one encoder, a decoder to masks that it serves, one to images that it
// ignores or works against.
struct SegmentingEncoderImpl : torch::nn::Module {
  SegmentingEncoderImpl(std::int64_t mask_channels, Backbone backbone);
  EncoderNet encoder{nullptr};
  DecoderNet decoder{nullptr}, task_decoder{nullptr};
};
TORCH_MODULE(SegmentingEncoder);

// Zhao et al., CVPR 2017: adaptive averages in 1, 3, 5 and 7 bins, a quarter of the channels each,
// put back to full size, beside the input; a 1x1 convolution joins them.
struct PyramidPoolingImpl : torch::nn::Module {
  PyramidPoolingImpl(std::int64_t channels, int sites);
  torch::Tensor forward(const torch::Tensor& x, int site);
  std::vector<torch::nn::Conv2d> reduce;
  std::vector<SiteNorm> norms;
  torch::nn::Conv2d join{nullptr};
  SiteNorm join_norm{nullptr};
};
TORCH_MODULE(PyramidPooling);

// Over-complete: inner features are larger than the code. `sites` is 0 for plain pooling.
struct SegmentationNetImpl : torch::nn::Module {
  SegmentationNetImpl(const SegmentationOptions& options, int sites);
  torch::Tensor forward(torch::Tensor code, int site, const Watch& watch = {});

  int sites;
  PyramidPooling input_pooling{nullptr}, output_pooling{nullptr};
  std::vector<ConvBlock> grid;  // residual, on the code grid
  std::vector<ConvBlock> up, down;
  torch::nn::Conv2d output{nullptr};
  std::vector<torch::nn::Conv2d> in_adapters, out_adapters;
};
TORCH_MODULE(SegmentationNet);

}  // namespace cloister::networks
