#include "onnx-export/graph.h"

#include <fmt/format.h>

#include <bit>

namespace cloister::onnx_export {
namespace {

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

constexpr float batch_norm_epsilon = 1e-5f;  // LibTorch's default

::onnx::AttributeProto& attribute(::onnx::NodeProto& node, const std::string& name) {
  auto& made = *node.add_attribute();
  made.set_name(name);
  return made;
}

void set_whole_numbers(::onnx::NodeProto& node, const std::string& name,
                       const std::vector<std::int64_t>& values) {
  auto& made = attribute(node, name);
  made.set_type(::onnx::AttributeProto::INTS);
  for (const auto value : values) made.add_ints(value);
}

void add_initializer(::onnx::GraphProto& graph, const std::string& name,
                     const std::vector<std::int64_t>& shape, const void* data, std::size_t size) {
  auto& tensor = *graph.add_initializer();
  tensor.set_name(name);
  tensor.set_data_type(::onnx::TensorProto::FLOAT);
  for (const auto side : shape) tensor.add_dims(side);
  tensor.set_raw_data(data, size);
}

}  // namespace

::onnx::NodeProto& Graph::node(const std::string& type, const std::string& name,
                               const std::vector<std::string>& inputs) {
  auto& made = *proto_.add_node();
  made.set_op_type(type);
  made.set_name(name);
  for (const auto& input : inputs) made.add_input(input);
  made.add_output(name);
  return made;
}

std::string Graph::weight(const std::string& name, const std::vector<std::int64_t>& shape) {
  const auto found = weights_.tensors.find(name);
  const bool sound = found != weights_.tensors.end() &&
                     found->second.dtype == tensorfile::DType::f32 && found->second.shape == shape;
  if (!sound) {
    if (!problem_)
      problem_ = Error{Kind::corrupt, "onnx.tensor",
                       fmt::format("The network file has no tensor '{}' of the shape [{}].", name,
                                   fmt::join(shape, ", ")),
                       "Fetch the network again, or train it anew."};
    return name;
  }
  if (used_.insert(name).second)
    add_initializer(proto_, name, shape, found->second.data.data(), found->second.data.size());
  return name;
}

std::string Graph::constant(const std::string& name, const Matrix& matrix) {
  if (constants_.insert(name).second)
    add_initializer(proto_, name, {matrix.rows, matrix.columns}, matrix.values.data(),
                    matrix.values.size() * sizeof(float));
  return name;
}

std::string Graph::convolution(const std::string& x, const std::string& name,
                               const ConvShape& shape) {
  std::vector<std::string> inputs{
      x, weight(name + ".weight", {shape.to, shape.from, shape.size, shape.size})};
  if (shape.bias) inputs.push_back(weight(name + ".bias", {shape.to}));
  auto& made = node("Conv", name, inputs);
  set_whole_numbers(made, "kernel_shape", {shape.size, shape.size});
  set_whole_numbers(made, "pads", std::vector<std::int64_t>(4, shape.size / 2));
  return name;
}

std::string Graph::batch_norm(const std::string& x, const std::string& name,
                              std::int64_t channels) {
  std::vector<std::string> inputs{x};
  for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"})
    inputs.push_back(weight(name + part, {channels}));
  auto& epsilon = attribute(node("BatchNormalization", name, inputs), "epsilon");
  epsilon.set_type(::onnx::AttributeProto::FLOAT);
  epsilon.set_f(batch_norm_epsilon);
  return name;
}

std::string Graph::relu(const std::string& x) {
  const std::string name = x + ".relu";
  node("Relu", name, {x});
  return name;
}

std::string Graph::max_pool2(const std::string& x, const std::string& name) {
  auto& made = node("MaxPool", name, {x});
  set_whole_numbers(made, "kernel_shape", {2, 2});
  set_whole_numbers(made, "strides", {2, 2});
  return name;
}

std::string Graph::add(const std::string& x, const std::string& y, const std::string& name) {
  node("Add", name, {x, y});
  return name;
}

std::string Graph::concat(const std::vector<std::string>& parts, const std::string& name) {
  auto& axis = attribute(node("Concat", name, parts), "axis");
  axis.set_type(::onnx::AttributeProto::INT);
  axis.set_i(1);
  return name;
}

std::string Graph::product(const std::string& x, const std::string& name, const std::string& rows,
                           const std::string& columns) {
  const std::string upright = name + ".rows";
  node("MatMul", upright, {rows, x});
  node("MatMul", name, {upright, columns});
  return name;
}

std::string Graph::averages(const std::string& x, const std::string& name, Grid from,
                            std::int64_t bins) {
  const auto rows = adaptive_average(from.height, bins);
  const auto columns = transposed(adaptive_average(from.width, bins));
  return product(x, name, constant(fmt::format("average_{}_to_{}.rows", from.height, bins), rows),
                 constant(fmt::format("average_{}_to_{}.columns", from.width, bins), columns));
}

std::string Graph::resize(const std::string& x, const std::string& name, Grid from, Grid to) {
  const auto rows = bilinear(from.height, to.height);
  const auto columns = transposed(bilinear(from.width, to.width));
  return product(x, name,
                 constant(fmt::format("bilinear_{}_to_{}.rows", from.height, to.height), rows),
                 constant(fmt::format("bilinear_{}_to_{}.columns", from.width, to.width), columns));
}

void Graph::rename_output(const std::string& name) {
  proto_.mutable_node(proto_.node_size() - 1)->set_output(0, name);
}

}  // namespace cloister::onnx_export
