// The shapes of the networks, measured on the real modules: for tests, documents and `doctor`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "networks/segmentation.h"

namespace cloister::networks {

struct Layer {
  std::string name;  // "encoder.0", "decoder.3", "output"
  std::int64_t channels = 0;
  std::int64_t height = 0;
  std::int64_t width = 0;
};

struct LayerTable {
  std::vector<Layer> layers;    // output shape of each level, in order
  std::int64_t parameters = 0;  // trainable numbers
};

// Of an encoding network with `channels` inputs and outputs at height x width.
[[nodiscard]] Result<LayerTable> autoencoder_layers(int channels, int height, int width);
// Of the segmentation network on a grid of height x width codes.
[[nodiscard]] Result<LayerTable> segmentation_layers(const SegmentationOptions& options, int sites,
                                                     int height, int width);

}  // namespace cloister::networks
