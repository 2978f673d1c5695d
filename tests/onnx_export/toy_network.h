// Tensor files of pooled networks with made-up weights, written from docs/formats.md: no LibTorch.
#pragma once

#include <string>

#include "tensorfile/tensor_file.h"

namespace cloister::onnx_export::test {

struct Shape {
  int levels = 2;
  int grid_blocks = 0;
  int sites = 2;  // 0: plain
};

[[nodiscard]] tensorfile::TensorFile toy_network(const Shape& shape);

}  // namespace cloister::onnx_export::test
