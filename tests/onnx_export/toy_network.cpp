#include "tests/onnx_export/toy_network.h"

#include <algorithm>

#include "base/prng.h"

namespace cloister::onnx_export::test {
namespace {

using Sides = std::vector<std::int64_t>;

struct Maker {
  tensorfile::TensorFile file;
  int norms = 1;
  Prng prng{1};

  void tensor(const std::string& name, const Sides& shape, double least = -0.1) {
    std::int64_t count = 1;
    for (const auto side : shape) count *= side;
    std::vector<float> values(static_cast<std::size_t>(count));
    for (auto& value : values) value = static_cast<float>(least + 0.2 * prng.uniform());
    file.tensors[name] = tensorfile::f32_tensor(shape, values);
  }
  void norm(const std::string& name, std::int64_t channels) {
    for (int site = 0; site < norms; ++site) {
      const std::string place = name + ".site" + std::to_string(site);
      tensor(place + ".weight", {channels}, 0.9);
      tensor(place + ".bias", {channels});
      tensor(place + ".running_mean", {channels});
      tensor(place + ".running_var", {channels}, 0.9);
    }
  }
  void block(const std::string& name, std::int64_t from, std::int64_t to) {
    tensor(name + ".first.weight", {to, from, 3, 3});
    norm(name + ".first_norm", to);
    tensor(name + ".second.weight", {to, to, 3, 3});
    norm(name + ".second_norm", to);
  }
  void pooling(const std::string& name) {
    for (int i = 0; i < 4; ++i) {
      tensor(name + ".reduce" + std::to_string(i) + ".weight", {32, 128, 1, 1});
      norm(name + ".norm" + std::to_string(i), 32);
    }
    tensor(name + ".join.weight", {128, 256, 1, 1});
    norm(name + ".join_norm", 128);
  }
  void pointwise(const std::string& name) {
    tensor(name + ".weight", {128, 128, 1, 1});
    tensor(name + ".bias", {128});
  }
};

}  // namespace

tensorfile::TensorFile toy_network(const Shape& shape) {
  Maker maker;
  maker.norms = std::max(shape.sites, 1);
  maker.file.metadata = {{"kind", "cloister-segmentation"},
                         {"version", "1"},
                         {"pooling", shape.sites == 0 ? "plain" : "adapted"},
                         {"levels", std::to_string(shape.levels)},
                         {"grid_blocks", std::to_string(shape.grid_blocks)},
                         {"sites", std::to_string(shape.sites)}};
  for (int site = 0; site < shape.sites; ++site) {
    maker.pointwise("adapter_in" + std::to_string(site));
    maker.pointwise("adapter_out" + std::to_string(site));
  }
  maker.pooling("input_pooling");
  maker.pooling("output_pooling");
  maker.pointwise("output");
  for (int i = 0; i < shape.grid_blocks; ++i) maker.block("grid" + std::to_string(i), 128, 128);
  for (int level = 1; level <= shape.levels; ++level) {
    const std::int64_t wide = 256 >> level;
    maker.block("up" + std::to_string(level), wide, wide / 2);
    maker.block("down" + std::to_string(level), wide / 2, wide);
  }
  return std::move(maker.file);
}

}  // namespace cloister::onnx_export::test
