// The pooled network's structure, operator by operator. Internal to this room.
//
// The same network stands in networks/modules.cpp (SegmentationNetImpl), whose names the tensors
// bear; tests/onnx_export holds the numbers of both against each other.
#pragma once

#include "onnx-export/graph.h"

namespace cloister::onnx_export {

inline constexpr std::int64_t code_channels = 128;
inline constexpr int levels_max = 4;

struct Structure {
  int levels = 1;
  int grid_blocks = 0;
  int sites = 0;  // with adapters and batch-norms of their own; 0: plain pooling
  Grid grid;
};

// From `input` to `output`, through the adapters and batch-norms of this site.
void write_segmentation(Graph& graph, const Structure& structure, int site,
                        const std::string& input, const std::string& output);

}  // namespace cloister::onnx_export
