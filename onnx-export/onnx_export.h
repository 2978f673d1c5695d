// The pooled network in ONNX (https://onnx.ai, IR version 7, operator set 13), for runtimes that
// are not ours: one model for each site, with that site's adapters and batch-norms.
//
//   image_code [N, 128, h, w] F32, standardised  ->  mask_code [N, 128, h, w] F32, standardised
//
// N is free, h and w are the study's code grid. Every operator has one meaning in every runtime:
// the resamplings, whose conventions differ, are matrix products with the very weights LibTorch
// uses.
//
// Not to be linked with LibTorch: Debian's brings classes of the same names from another
// description (onnx-ml), and a program would take one for the other.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace cloister::onnx_export {

// Height and width of the code grid: a sixteenth of the slice's.
struct Grid {
  std::int64_t height = 0;
  std::int64_t width = 0;
};
inline constexpr std::int64_t grid_side_max = 128;

struct About {
  // In the order of the network, for one that does not name them itself: the plan's.
  std::vector<std::string> sites;
  Grid grid;
  // What each model says of itself, under "cloister.<name>": its digest, its study, ...
  std::map<std::string, std::string> facts;
};

struct Model {
  std::string site;  // empty: plain pooling, one model for all
  Bytes bytes;       // the same for the same network and `About`
};

// `network` is the tensor file of kind "cloister-segmentation" (docs/formats.md); it comes from
// strangers. Errors: "tensorfile.*"; Kind::corrupt "onnx.kind", "onnx.number", "onnx.pooling",
// "onnx.tensor", "onnx.extra_tensors"; Kind::unsupported "onnx.version"; Kind::invalid "onnx.grid",
// "onnx.sites".
[[nodiscard]] Result<std::vector<Model>> to_onnx(BytesView network, const About& about);

}  // namespace cloister::onnx_export
