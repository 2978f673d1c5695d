#include "networks/modules.h"

namespace cloister::networks {
namespace {

namespace nn = torch::nn;

nn::Conv2d convolution(std::int64_t from, std::int64_t to, std::int64_t size, bool bias) {
  return nn::Conv2d(nn::Conv2dOptions(from, to, size).padding(size / 2).bias(bias));
}

torch::Tensor resize(const torch::Tensor& x, std::int64_t height, std::int64_t width) {
  return torch::upsample_bilinear2d(x, {height, width}, /*align_corners=*/false);
}

torch::Tensor twice(const torch::Tensor& x) { return resize(x, x.size(2) * 2, x.size(3) * 2); }

void tell(const Watch& watch, const std::string& name, const torch::Tensor& x) {
  if (watch) watch(name, x);
}

}  // namespace

SiteNormImpl::SiteNormImpl(std::int64_t channels, int sites) {
  for (int site = 0; site < sites; ++site)
    norms.push_back(register_module("site" + std::to_string(site), nn::BatchNorm2d(channels)));
}

torch::Tensor SiteNormImpl::forward(const torch::Tensor& x, int site) {
  return norms[static_cast<std::size_t>(site)]->forward(x);
}

ConvBlockImpl::ConvBlockImpl(std::int64_t from, std::int64_t to, int sites) {
  first = register_module("first", convolution(from, to, 3, false));
  first_norm = register_module("first_norm", SiteNorm(to, sites));
  second = register_module("second", convolution(to, to, 3, false));
  second_norm = register_module("second_norm", SiteNorm(to, sites));
}

torch::Tensor ConvBlockImpl::forward(torch::Tensor x, int site) {
  x = first_norm->forward(first->forward(x), site).relu_();
  return second_norm->forward(second->forward(x), site).relu_();
}

UNetImpl::UNetImpl(const UNetWidths& widths, std::int64_t classes) {
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const std::int64_t from = i == 0 ? 1 : widths[i - 1];
    down.push_back(register_module("down" + std::to_string(i), ConvBlock(from, widths[i])));
  }
  for (std::size_t i = widths.size() - 1; i > 0; --i)
    up.push_back(register_module("up" + std::to_string(i - 1),
                                 ConvBlock(widths[i] + widths[i - 1], widths[i - 1])));
  output = register_module("output", convolution(widths[0], classes, 1, true));
}

torch::Tensor UNetImpl::forward(torch::Tensor x) {
  std::vector<torch::Tensor> across;
  for (std::size_t i = 0; i < down.size(); ++i) {
    if (i > 0) x = torch::max_pool2d(x, 2);
    x = down[i]->forward(x);
    across.push_back(x);
  }
  for (std::size_t i = 0; i < up.size(); ++i) {
    const auto& beside = across[across.size() - 2 - i];
    x = up[i]->forward(torch::cat({resize(x, beside.size(2), beside.size(3)), beside}, 1));
  }
  return output->forward(x);
}

EncoderNetImpl::EncoderNetImpl(std::int64_t channels, std::int64_t classes) {
  if (classes > 0) {
    backbone = register_module("backbone", UNet(backbone_widths, classes));
    channels = classes;
  }
  for (std::size_t i = 0; i < encoder_channels.size(); ++i) {
    const std::int64_t from = i == 0 ? channels : encoder_channels[i - 1];
    levels.push_back(
        register_module("level" + std::to_string(i), ConvBlock(from, encoder_channels[i])));
  }
}

torch::Tensor EncoderNetImpl::forward(torch::Tensor x, const Watch& watch) {
  return backbone ? code_of_scores(backbone->forward(x)) : down(std::move(x), watch);
}

torch::Tensor EncoderNetImpl::code_of_scores(const torch::Tensor& scores) {
  return down(torch::softmax(scores, 1), {});
}

torch::Tensor EncoderNetImpl::down(torch::Tensor x, const Watch& watch) {
  for (std::size_t i = 0; i < levels.size(); ++i) {
    if (i > 0) x = torch::max_pool2d(x, 2);
    x = levels[i]->forward(x);
    tell(watch, "encoder." + std::to_string(i), x);
  }
  return x;
}

DecoderNetImpl::DecoderNetImpl(std::int64_t channels) {
  for (std::size_t i = encoder_channels.size() - 1; i > 0; --i)
    levels.push_back(register_module("level" + std::to_string(i - 1),
                                     ConvBlock(encoder_channels[i], encoder_channels[i - 1])));
  output = register_module("output", convolution(encoder_channels[0], channels, 1, true));
}

torch::Tensor DecoderNetImpl::forward(torch::Tensor code, const Watch& watch) {
  for (std::size_t i = 0; i < levels.size(); ++i) {
    code = levels[i]->forward(twice(code));
    tell(watch, "decoder." + std::to_string(levels.size() - 1 - i), code);
  }
  code = output->forward(code);
  tell(watch, "output", code);
  return code;
}

AutoencoderImpl::AutoencoderImpl(std::int64_t channels) {
  encoder = register_module("encoder", EncoderNet(channels));
  decoder = register_module("decoder", DecoderNet(channels));
}

SegmentingEncoderImpl::SegmentingEncoderImpl(std::int64_t mask_channels, Backbone backbone) {
  const bool segments_first = backbone == Backbone::unet;
  encoder = register_module("encoder", EncoderNet(1, segments_first ? mask_channels : 0));
  decoder = register_module("decoder", DecoderNet(1));
  task_decoder = register_module("task_decoder", DecoderNet(mask_channels));
}

PyramidPoolingImpl::PyramidPoolingImpl(std::int64_t channels, int sites) {
  for (int i = 0; i < 4; ++i) {
    const std::string number = std::to_string(i);
    reduce.push_back(
        register_module("reduce" + number, convolution(channels, channels / 4, 1, false)));
    norms.push_back(register_module("norm" + number, SiteNorm(channels / 4, sites)));
  }
  join = register_module("join", convolution(2 * channels, channels, 1, false));
  join_norm = register_module("join_norm", SiteNorm(channels, sites));
}

torch::Tensor PyramidPoolingImpl::forward(const torch::Tensor& x, int site) {
  std::vector<torch::Tensor> parts{x};
  for (std::size_t i = 0; i < reduce.size(); ++i) {
    const auto bins = static_cast<std::int64_t>(2 * i + 1);
    auto part = reduce[i]->forward(torch::adaptive_avg_pool2d(x, {bins, bins}));
    part = norms[i]->forward(part, site).relu_();
    parts.push_back(resize(part, x.size(2), x.size(3)));
  }
  return join_norm->forward(join->forward(torch::cat(parts, 1)), site).relu_();
}

SegmentationNetImpl::SegmentationNetImpl(const SegmentationOptions& options, int sites_)
    : sites(sites_) {
  const auto& channels = segmentation_channels;
  const int norms = std::max(sites, 1);
  for (int site = 0; site < sites; ++site) {
    const std::string number = std::to_string(site);
    in_adapters.push_back(register_module(adapter_prefix + ("in" + number),
                                          convolution(channels[0], channels[0], 1, true)));
    out_adapters.push_back(register_module(adapter_prefix + ("out" + number),
                                           convolution(channels[0], channels[0], 1, true)));
  }
  input_pooling = register_module("input_pooling", PyramidPooling(channels[0], norms));
  for (int i = 0; i < options.grid_blocks; ++i)
    grid.push_back(
        register_module("grid" + std::to_string(i), ConvBlock(channels[0], channels[0], norms)));
  for (std::size_t i = 0; i < static_cast<std::size_t>(options.levels); ++i) {
    const std::string number = std::to_string(i + 1);
    up.push_back(register_module("up" + number, ConvBlock(channels[i], channels[i + 1], norms)));
    down.push_back(
        register_module("down" + number, ConvBlock(channels[i + 1], channels[i], norms)));
  }
  output_pooling = register_module("output_pooling", PyramidPooling(channels[0], norms));
  output = register_module("output", convolution(channels[0], channels[0], 1, true));
}

torch::Tensor SegmentationNetImpl::forward(torch::Tensor code, int site, const Watch& watch) {
  const auto place = static_cast<std::size_t>(site);
  const int norm = sites == 0 ? 0 : site;
  if (sites > 0) code = in_adapters[place]->forward(code);
  code = input_pooling->forward(code, norm);
  tell(watch, "input_pooling", code);
  for (auto& block : grid) code = code + block->forward(code, norm);
  std::vector<torch::Tensor> skips;
  for (std::size_t i = 0; i < up.size(); ++i) {
    skips.push_back(code);
    code = up[i]->forward(twice(code), norm);
    tell(watch, "up." + std::to_string(i + 1), code);
  }
  for (std::size_t i = down.size(); i-- > 0;) {
    code = down[i]->forward(torch::max_pool2d(code, 2), norm) + skips[i];
    tell(watch, "down." + std::to_string(i + 1), code);
  }
  code = output_pooling->forward(code, norm);
  tell(watch, "output_pooling", code);
  code = output->forward(code);
  if (sites > 0) code = out_adapters[place]->forward(code);
  tell(watch, "output", code);
  return code;
}

}  // namespace cloister::networks
