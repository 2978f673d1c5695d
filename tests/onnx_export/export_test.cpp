// What the export takes and what it refuses. What its models compute: runtime_test.cpp.
#include <catch2/catch.hpp>

#include "onnx-export/onnx_export.h"
#include "onnx-export/resampling.h"
#include "tests/onnx_export/toy_network.h"

using namespace cloister;
using namespace cloister::onnx_export;
using cloister::onnx_export::test::Shape;
using cloister::onnx_export::test::toy_network;
using cloister::tensorfile::TensorFile;
using cloister::tensorfile::write_tensor_file;

namespace {

const About two_sites{{"site-a", "site-b"}, {6, 5}, {{"study", "heart"}}};

std::string refusal(const TensorFile& file, const About& about = two_sites) {
  const auto models = to_onnx(write_tensor_file(file), about);
  return models ? "none" : models.error().code;
}

bool says(const Model& model, std::string_view text) {
  return as_text(model.bytes).find(text) != std::string_view::npos;
}

}  // namespace

TEST_CASE("an adapted network becomes one model a site, a plain one a single model", "[onnx]") {
  const auto adapted = to_onnx(write_tensor_file(toy_network({})), two_sites);
  REQUIRE(adapted);
  REQUIRE(adapted->size() == 2);
  CHECK(adapted->at(0).site == "site-a");
  CHECK(adapted->at(1).site == "site-b");
  CHECK(adapted->at(0).bytes != adapted->at(1).bytes);
  const auto plain = to_onnx(write_tensor_file(toy_network({1, 2, 0})), two_sites);
  REQUIRE(plain);
  REQUIRE(plain->size() == 1);
  CHECK(plain->at(0).site.empty());
}

TEST_CASE("a model holds its own site's weights and no other's, and says where it is from",
          "[onnx]") {
  const auto models = to_onnx(write_tensor_file(toy_network({})), two_sites);
  REQUIRE(models);
  CHECK(says(models->at(1), "adapter_in1.weight"));
  CHECK(says(models->at(1), "up1.first_norm.site1.running_var"));
  CHECK_FALSE(says(models->at(1), "adapter_in0.weight"));
  CHECK_FALSE(says(models->at(1), ".site0."));
  CHECK(says(models->at(1), "cloister.study"));
  CHECK(says(models->at(1), "heart"));
  CHECK(says(models->at(1), "site-b"));
  CHECK_FALSE(says(models->at(1), "site-a"));
}

TEST_CASE("the same network gives the same bytes", "[onnx]") {
  const Bytes network = write_tensor_file(toy_network({4, 2, 2}));
  const auto first = to_onnx(network, two_sites);
  const auto second = to_onnx(network, two_sites);
  REQUIRE(first);
  REQUIRE(second);
  for (std::size_t site = 0; site < 2; ++site)
    CHECK(first->at(site).bytes == second->at(site).bytes);
}

TEST_CASE("a network that names its sites is believed before the plan", "[onnx]") {
  TensorFile file = toy_network({});
  file.metadata["site_names"] = "site-b,site-c";
  const auto models = to_onnx(write_tensor_file(file), two_sites);
  REQUIRE(models);
  CHECK(models->front().site == "site-b");
  CHECK(models->back().site == "site-c");
}

TEST_CASE("files that are no pooled network of ours are refused", "[onnx]") {
  CHECK(to_onnx(to_bytes("no tensor file"), two_sites).error().code.starts_with("tensorfile."));
  const auto with = [](const std::string& key, const std::string& value) {
    TensorFile file = toy_network({});
    file.metadata[key] = value;
    return refusal(file);
  };
  CHECK(with("title", "anything") == "none");
  CHECK(with("kind", "cloister-mask-decoder") == "onnx.kind");
  CHECK(with("version", "2") == "onnx.version");
  CHECK(with("pooling", "average") == "onnx.pooling");
  CHECK(with("pooling", "plain") == "onnx.pooling");
  CHECK(with("levels", "0") == "onnx.number");
  CHECK(with("levels", "5") == "onnx.number");
  CHECK(with("levels", "2x") == "onnx.number");
  CHECK(with("grid_blocks", "-1") == "onnx.number");
  CHECK(with("grid_blocks", "17") == "onnx.number");
  CHECK(with("sites", "257") == "onnx.number");
  CHECK(with("sites", "") == "onnx.number");
  CHECK(with("site_names", "c,d") == "none");
  CHECK(with("site_names", "c") == "onnx.sites");
  CHECK(with("site_names", "c,../d") == "onnx.sites");
  TensorFile no_kind = toy_network({});
  no_kind.metadata.erase("kind");
  CHECK(refusal(no_kind) == "onnx.kind");
}

TEST_CASE("a tensor that is missing, too many or of another shape or type is refused by name",
          "[onnx]") {
  const TensorFile sound = toy_network({});
  for (const auto& [name, tensor] : sound.tensors) {
    INFO(name);
    TensorFile lacking = sound;
    lacking.tensors.erase(name);
    const auto models = to_onnx(write_tensor_file(lacking), two_sites);
    REQUIRE_FALSE(models);
    CHECK(models.error().code == "onnx.tensor");
    CHECK(models.error().what.find("'" + name + "'") != std::string::npos);
  }
  const auto changed = [&](auto&& change) {
    TensorFile file = sound;
    change(file.tensors);
    return refusal(file);
  };
  CHECK(changed([](auto& all) { all["output.bias"].shape = {1, 128}; }) == "onnx.tensor");
  CHECK(changed([](auto& all) {
          all["output.bias"] = tensorfile::f16_tensor({128}, std::vector<float>(128));
        }) == "onnx.tensor");
  CHECK(changed([](auto& all) { all["more"] = all["output.bias"]; }) == "onnx.extra_tensors");
}

TEST_CASE("sites that are not the network's and grids that are none are refused", "[onnx]") {
  const TensorFile file = toy_network({1, 0, 2});
  CHECK(refusal(file, {{"site-a"}, {6, 5}, {}}) == "onnx.sites");
  CHECK(refusal(file, {{"a", "b", "c"}, {6, 5}, {}}) == "onnx.sites");
  CHECK(refusal(file, {{"a", "b"}, {0, 5}, {}}) == "onnx.grid");
  CHECK(refusal(file, {{"a", "b"}, {5, grid_side_max + 1}, {}}) == "onnx.grid");
  CHECK(refusal(file, {{"a", "b"}, {1, 1}, {}}) == "none");
  CHECK(refusal(toy_network({1, 0, 0}), {{}, {1, grid_side_max}, {}}) == "none");
}

TEST_CASE("adaptive averages take the bins that LibTorch takes", "[onnx]") {
  // 5 into 3: [0,2) [1,4) [3,5)
  const float half = 1.0f / 2, third = 1.0f / 3;
  CHECK(adaptive_average(5, 3).values == std::vector<float>{half, half, 0, 0, 0,        //
                                                            0, third, third, third, 0,  //
                                                            0, 0, 0, half, half});
  // More bins than pixels: [0,1) [0,2) [1,2)
  CHECK(adaptive_average(2, 3).values == std::vector<float>{1, 0, half, half, 0, 1});
}

TEST_CASE("bilinear weights are those of half-pixel centres, held at the borders", "[onnx]") {
  CHECK(bilinear(2, 4).values == std::vector<float>{1, 0, 0.75f, 0.25f, 0.25f, 0.75f, 0, 1});
  CHECK(bilinear(1, 3).values == std::vector<float>{1, 1, 1});
  const Matrix turned = transposed(bilinear(2, 4));
  CHECK(turned.rows == 2);
  CHECK(turned.values == std::vector<float>{1, 0.75f, 0.25f, 0, 0, 0.25f, 0.75f, 1});
}
