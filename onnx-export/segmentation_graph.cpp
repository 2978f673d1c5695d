#include "onnx-export/segmentation_graph.h"

#include <array>

namespace cloister::onnx_export {
namespace {

// At the code grid and after each up-sampling.
constexpr std::array<std::int64_t, levels_max + 1> channels{code_channels, 64, 32, 16, 8};

class Writer {
 public:
  Writer(Graph& graph, int norm) : graph_(graph), norm_(".site" + std::to_string(norm)) {}

  std::string block(const std::string& x, const std::string& name, std::int64_t from,
                    std::int64_t to) {
    const auto first =
        norm_relu(graph_.convolution(x, name + ".first", {from, to, 3}), name + ".first_norm", to);
    return norm_relu(graph_.convolution(first, name + ".second", {to, to, 3}),
                     name + ".second_norm", to);
  }

  std::string pyramid_pooling(const std::string& x, const std::string& name, Grid grid) {
    std::vector<std::string> parts{x};
    for (int i = 0; i < 4; ++i) {
      const std::string number = std::to_string(i);
      const std::int64_t bins = 2 * i + 1;
      const auto averages = graph_.averages(x, name + ".averages" + number, grid, bins);
      const auto reduced = graph_.convolution(averages, name + ".reduce" + number,
                                              {code_channels, code_channels / 4});
      parts.push_back(graph_.resize(norm_relu(reduced, name + ".norm" + number, code_channels / 4),
                                    name + ".resized" + number, {bins, bins}, grid));
    }
    const auto joined = graph_.convolution(graph_.concat(parts, name + ".parts"), name + ".join",
                                           {2 * code_channels, code_channels});
    return norm_relu(joined, name + ".join_norm", code_channels);
  }

 private:
  std::string norm_relu(const std::string& x, const std::string& name, std::int64_t width) {
    return graph_.relu(graph_.batch_norm(x, name + norm_, width));
  }

  Graph& graph_;
  std::string norm_;
};

// Each up-sampling doubles the grid; the way down adds what was there before it.
std::string up_and_down(Graph& graph, Writer& writer, const Structure& structure,
                        std::string code) {
  std::vector<std::string> skips;
  Grid grid = structure.grid;
  for (int level = 1; level <= structure.levels; ++level) {
    const auto at = static_cast<std::size_t>(level);
    const std::string name = "up" + std::to_string(level);
    const Grid twice{grid.height * 2, grid.width * 2};
    skips.push_back(code);
    code = graph.resize(code, name + ".resized", grid, twice);
    code = writer.block(code, name, channels[at - 1], channels[at]);
    grid = twice;
  }
  for (int level = structure.levels; level >= 1; --level) {
    const auto at = static_cast<std::size_t>(level);
    const std::string name = "down" + std::to_string(level);
    code = graph.max_pool2(code, name + ".pooled");
    code = writer.block(code, name, channels[at], channels[at - 1]);
    code = graph.add(code, skips[at - 1], name + ".sum");
  }
  return code;
}

}  // namespace

void write_segmentation(Graph& graph, const Structure& structure, int site,
                        const std::string& input, const std::string& output) {
  const bool adapted = structure.sites > 0;
  const std::string number = std::to_string(site);
  const ConvShape pointwise{code_channels, code_channels, 1, true};
  Writer writer(graph, adapted ? site : 0);
  std::string code = input;
  if (adapted) code = graph.convolution(code, "adapter_in" + number, pointwise);
  code = writer.pyramid_pooling(code, "input_pooling", structure.grid);
  for (int i = 0; i < structure.grid_blocks; ++i) {
    const std::string name = "grid" + std::to_string(i);
    code = graph.add(code, writer.block(code, name, code_channels, code_channels), name + ".sum");
  }
  code = up_and_down(graph, writer, structure, code);
  code = writer.pyramid_pooling(code, "output_pooling", structure.grid);
  code = graph.convolution(code, "output", pointwise);
  if (adapted) graph.convolution(code, "adapter_out" + number, pointwise);
  graph.rename_output(output);
}

}  // namespace cloister::onnx_export
