#include "onnx-export/resampling.h"

#include <algorithm>

namespace cloister::onnx_export {
namespace {

Matrix zeros(std::int64_t rows, std::int64_t columns) {
  return {rows, columns, std::vector<float>(static_cast<std::size_t>(rows * columns))};
}

float& at(Matrix& matrix, std::int64_t row, std::int64_t column) {
  return matrix.values[static_cast<std::size_t>(row * matrix.columns + column)];
}

}  // namespace

Matrix adaptive_average(std::int64_t length, std::int64_t bins) {
  Matrix matrix = zeros(bins, length);
  for (std::int64_t bin = 0; bin < bins; ++bin) {
    const std::int64_t first = bin * length / bins;
    const std::int64_t end = ((bin + 1) * length + bins - 1) / bins;
    for (std::int64_t i = first; i < end; ++i)
      at(matrix, bin, i) = 1.0f / static_cast<float>(end - first);
  }
  return matrix;
}

Matrix bilinear(std::int64_t from, std::int64_t to) {
  Matrix matrix = zeros(to, from);
  const float scale = static_cast<float>(from) / static_cast<float>(to);  // in F32, as LibTorch
  for (std::int64_t i = 0; i < to; ++i) {
    const float place = std::max(0.0f, scale * (static_cast<float>(i) + 0.5f) - 0.5f);
    const auto before = std::min(static_cast<std::int64_t>(place), from - 1);
    const auto behind = std::min(before + 1, from - 1);
    const float share = std::min(place - static_cast<float>(before), 1.0f);
    at(matrix, i, before) += 1.0f - share;
    at(matrix, i, behind) += share;
  }
  return matrix;
}

Matrix transposed(const Matrix& matrix) {
  Matrix turned = zeros(matrix.columns, matrix.rows);
  for (std::int64_t row = 0; row < matrix.rows; ++row)
    for (std::int64_t column = 0; column < matrix.columns; ++column)
      at(turned, column, row) =
          matrix.values[static_cast<std::size_t>(row * matrix.columns + column)];
  return turned;
}

}  // namespace cloister::onnx_export
