// The two linear resamplings of the pooled network along one axis, as matrices. Internal.
#pragma once

#include <cstdint>
#include <vector>

namespace cloister::onnx_export {

struct Matrix {
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  std::vector<float> values;  // row-major
};

// [bins, length]: LibTorch's adaptive_avg_pool. Bin i is the mean of floor(i * length / bins) up
// to, without, ceil((i + 1) * length / bins); bins overlap where they do not divide the length.
[[nodiscard]] Matrix adaptive_average(std::int64_t length, std::int64_t bins);

// [to, from]: LibTorch's upsample_bilinear with align_corners=false: pixels are squares, what lies
// before the first centre or behind the last takes their value.
[[nodiscard]] Matrix bilinear(std::int64_t from, std::int64_t to);

[[nodiscard]] Matrix transposed(const Matrix& matrix);

}  // namespace cloister::onnx_export
