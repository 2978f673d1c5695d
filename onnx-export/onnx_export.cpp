#include "onnx-export/onnx_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <sstream>

#include "base/version.h"
#include "onnx-export/segmentation_graph.h"

namespace cloister::onnx_export {
namespace {

using tensorfile::TensorFileView;

constexpr std::string_view segmentation_kind = "cloister-segmentation";
constexpr std::string_view file_version = "1";
constexpr int sites_max = 256;
constexpr int grid_blocks_max = 16;
// Of 2020: what every runtime since then reads.
constexpr int ir_version = 7;
constexpr int operator_set = 13;

constexpr std::string_view codes_note =
    "image_code: codes of the site's own image encoder, each channel less its mean, divided by its "
    "deviation (code_mean and code_deviation of that encoder). mask_code: codes of the site's own "
    "mask encoder, standardised in the same way; its mask decoder makes masks of them. Encoders "
    "and "
    "decoders stay at the site: without them the network is of no use.";

Result<void> check_kind(const TensorFileView& file) {
  const std::string kind = file.text("kind").value_or("");
  if (kind != segmentation_kind)
    return fail(Kind::corrupt, "onnx.kind",
                fmt::format("The file is not a {}{}.", segmentation_kind,
                            kind.empty() ? "" : " but a " + kind.substr(0, 64)),
                "Only a study's pooled network is exported as ONNX.");
  if (file.text("version").value_or("") != file_version)
    return fail(Kind::unsupported, "onnx.version",
                "The network file is of a version that this build does not read.",
                "Upgrade Cloister.");
  return {};
}

Result<int> number_in(const TensorFileView& file, const std::string& key, int low, int high) {
  const std::string text = file.text(key).value_or("");
  int value = 0;
  const char* end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec == std::errc() && read.ptr == end && value >= low && value <= high) return value;
  return fail(
      Kind::corrupt, "onnx.number",
      fmt::format("'{}' in the network file is not a number from {} to {}.", key, low, high),
      "Fetch the network again, or train it anew.");
}

Result<Structure> structure_of(const TensorFileView& file, Grid grid) {
  if (auto right = check_kind(file); !right) return pass(right);
  const auto levels = number_in(file, "levels", 1, levels_max);
  if (!levels) return pass(levels);
  const auto blocks = number_in(file, "grid_blocks", 0, grid_blocks_max);
  if (!blocks) return pass(blocks);
  const auto sites = number_in(file, "sites", 0, sites_max);
  if (!sites) return pass(sites);
  const std::string pooling = file.text("pooling").value_or("");
  if (*sites == 0 ? pooling != "plain" : pooling != "adapted" && pooling != "guided")
    return fail(Kind::corrupt, "onnx.pooling",
                fmt::format("In the network file the pooling '{}' does not go with {} sites.",
                            pooling.substr(0, 32), *sites),
                "Fetch the network again, or train it anew.");
  return Structure{*levels, *blocks, *sites, grid};
}

// A site's name ends up in a file's name.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name.front() != '.' && name.size() <= 64 &&
         std::all_of(name.begin(), name.end(), [](char one) {
           return (one >= 'a' && one <= 'z') || (one >= '0' && one <= '9') || one == '-' ||
                  one == '.' || one == '_';
         });
}

// What the network says of itself counts before what the caller believes.
std::vector<std::string> sites_of(const TensorFileView& file, const About& about) {
  std::istringstream listed(file.text("site_names").value_or(""));
  std::vector<std::string> names;
  for (std::string name; std::getline(listed, name, ',');) names.push_back(name);
  return names.empty() ? about.sites : names;
}

Result<void> check_about(const About& about, int sites) {
  const auto [height, width] = about.grid;
  if (height < 1 || width < 1 || height > grid_side_max || width > grid_side_max)
    return fail(Kind::invalid, "onnx.grid",
                fmt::format("A code grid of {} x {} is none: its sides are 1 to {}.", height, width,
                            grid_side_max),
                "Give the slice's size in the plan, a multiple of 16, divided by 16.");
  if (sites > 0 && static_cast<std::size_t>(sites) != about.sites.size())
    return fail(
        Kind::invalid, "onnx.sites",
        fmt::format("The network knows {} sites, but {} were named.", sites, about.sites.size()),
        "Name the sites of the plan under which the network was trained.");
  if (std::all_of(about.sites.begin(), about.sites.end(), is_plain_name)) return {};
  return fail(Kind::corrupt, "onnx.sites", "A site's name in the network is no name of a site.",
              "Fetch the network again, or train it anew.");
}

void describe_code(::onnx::ValueInfoProto& value, const std::string& name, Grid grid) {
  value.set_name(name);
  auto& tensor = *value.mutable_type()->mutable_tensor_type();
  tensor.set_elem_type(::onnx::TensorProto::FLOAT);
  tensor.mutable_shape()->add_dim()->set_dim_param("N");
  for (const auto side : {code_channels, grid.height, grid.width})
    tensor.mutable_shape()->add_dim()->set_dim_value(side);
}

::onnx::ModelProto blank_model(std::map<std::string, std::string> facts) {
  ::onnx::ModelProto model;
  model.set_ir_version(ir_version);
  model.add_opset_import()->set_version(operator_set);
  model.set_producer_name("cloister");
  model.set_producer_version(std::string(program_version()));
  model.set_doc_string(
      "Segmentation network from image codes to mask codes. Research software, not a medical "
      "device.");
  facts["codes"] = codes_note;
  for (const auto& [name, text] : facts) {
    auto& fact = *model.add_metadata_props();
    fact.set_key("cloister." + name);
    fact.set_value(text);
  }
  return model;
}

// Adds to `used` what it took from the file.
Result<Model> model_of(const TensorFileView& file, const Structure& structure, int site,
                       const About& about, std::set<std::string>& used) {
  auto facts = about.facts;
  facts["pooling"] = file.text("pooling").value_or("");
  Model model;
  if (structure.sites > 0) model.site = about.sites[static_cast<std::size_t>(site)];
  if (structure.sites > 0) facts["site"] = model.site;
  ::onnx::ModelProto proto = blank_model(std::move(facts));
  auto& graph_proto = *proto.mutable_graph();
  graph_proto.set_name("segmentation");
  describe_code(*graph_proto.add_input(), "image_code", structure.grid);
  describe_code(*graph_proto.add_output(), "mask_code", structure.grid);
  Graph graph(file, graph_proto);
  write_segmentation(graph, structure, site, "image_code", "mask_code");
  if (graph.problem()) return tl::unexpected<Error>(*graph.problem());
  used.insert(graph.used().begin(), graph.used().end());
  const std::string bytes = proto.SerializeAsString();
  model.bytes = to_bytes(bytes);
  return model;
}

}  // namespace

Result<std::vector<Model>> to_onnx(BytesView network, const About& from_caller) {
  const auto file = tensorfile::read_tensor_file(network);
  if (!file) return pass(file);
  About about = from_caller;
  about.sites = sites_of(*file, from_caller);
  const auto structure = structure_of(*file, about.grid);
  if (!structure) return pass(structure);
  if (auto sound = check_about(about, structure->sites); !sound) return pass(sound);
  std::vector<Model> models;
  std::set<std::string> used;
  for (int site = 0; site < std::max(structure->sites, 1); ++site) {
    auto model = model_of(*file, *structure, site, about, used);
    if (!model) return pass(model);
    models.push_back(std::move(*model));
  }
  if (used.size() != file->tensors.size())
    return fail(Kind::corrupt, "onnx.extra_tensors",
                fmt::format("The network file holds {} tensors, its network has {}.",
                            file->tensors.size(), used.size()),
                "Fetch the network again, or train it anew.");
  return models;
}

}  // namespace cloister::onnx_export
