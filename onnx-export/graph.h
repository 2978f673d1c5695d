// Writes the nodes and constants of one ONNX graph. Internal to this room.
//
// Values are named as the modules that make them; each call returns the name of its output. A
// tensor that the file lacks or holds in another shape does not stop the writing: the first such
// problem is kept for `problem()`.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "onnx-export/onnx_export.h"
#include "onnx-export/resampling.h"
#include "onnx/onnx.pb.h"
#include "tensorfile/tensor_file.h"

namespace cloister::onnx_export {

struct ConvShape {
  std::int64_t from = 0;  // channels
  std::int64_t to = 0;
  std::int64_t size = 1;  // of the kernel; padded to keep height and width
  bool bias = false;
};

class Graph {
 public:
  // Both must outlive this object.
  Graph(const tensorfile::TensorFileView& weights, ::onnx::GraphProto& proto)
      : weights_(weights), proto_(proto) {}

  std::string convolution(const std::string& x, const std::string& name, const ConvShape& shape);
  std::string batch_norm(const std::string& x, const std::string& name, std::int64_t channels);
  std::string relu(const std::string& x);
  std::string max_pool2(const std::string& x, const std::string& name);
  std::string add(const std::string& x, const std::string& y, const std::string& name);
  std::string concat(const std::vector<std::string>& parts, const std::string& name);
  // Adaptive averages in bins x bins.
  std::string averages(const std::string& x, const std::string& name, Grid from, std::int64_t bins);
  std::string resize(const std::string& x, const std::string& name, Grid from, Grid to);
  void rename_output(const std::string& name);  // of the last node

  [[nodiscard]] const std::optional<Error>& problem() const { return problem_; }
  // Names of the tensors that the graph took.
  [[nodiscard]] const std::set<std::string>& used() const { return used_; }

 private:
  ::onnx::NodeProto& node(const std::string& type, const std::string& name,
                          const std::vector<std::string>& inputs);
  std::string weight(const std::string& name, const std::vector<std::int64_t>& shape);
  std::string constant(const std::string& name, const Matrix& matrix);
  // rows * x * columns, over the last two axes.
  std::string product(const std::string& x, const std::string& name, const std::string& rows,
                      const std::string& columns);

  const tensorfile::TensorFileView& weights_;
  ::onnx::GraphProto& proto_;
  std::set<std::string> used_;
  std::set<std::string> constants_;
  std::optional<Error> problem_;
};

}  // namespace cloister::onnx_export
