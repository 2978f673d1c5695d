// LibTorch's side of runtime_test: trains a small pooled network of every shape, and writes for
// each a folder with network.safetensors and reference.safetensors (`codes`, and `masks.I` for the
// site number I). A program of its own: no program links LibTorch and the export.
//
//   onnx_references FOLDER
#include <fmt/format.h>

#include <filesystem>

#include "base/file.h"
#include "base/prng.h"
#include "networks/segmentation.h"
#include "networks/views.h"
#include "tensorfile/tensor_file.h"
#include "tests/networks/toy_data.h"

using namespace cloister;
using namespace cloister::networks;
using namespace cloister::networks::testing;

namespace {

constexpr int site_count = 2;
constexpr std::int64_t slices = 3;

struct Case {
  Pooling pooling;
  int levels;
  int grid_blocks;
  std::int64_t height, width;
};

FloatTensor random_codes(const Case& one, std::int64_t count, std::uint64_t seed) {
  Prng prng(seed);
  const auto floats = static_cast<std::size_t>(count * code_channels * one.height * one.width);
  FloatTensor codes{{count, code_channels, one.height, one.width}, std::vector<float>(floats)};
  for (auto& value : codes.data) value = static_cast<float>(prng.normal());
  return codes;
}

Result<Bytes> train(const Case& one, const std::vector<Bytes>& decoders) {
  CodesInMemory codes(site_count);
  for (int site = 0; site < site_count; ++site) {
    CodePairs pairs;
    pairs.image_codes = random_codes(one, 6, static_cast<std::uint64_t>(site) + 1);
    pairs.mask_codes = pairs.image_codes;
    for (auto& value : pairs.mask_codes.data) value *= site == 0 ? 0.5f : -0.5f;
    for (std::int64_t i = 0; i < 6; ++i) pairs.slice.push_back(i);
    pairs.view.assign(6, 0);
    const auto shard = write_code_shard(pairs);
    if (!shard) return pass(shard);
    if (auto added = codes.add_shard(site, *shard); !added) return pass(added);
  }
  SegmentationOptions options;
  options.pooling = one.pooling;
  options.levels = one.levels;
  options.grid_blocks = one.grid_blocks;
  options.recipe = toy_recipe(8);
  auto trained = train_segmentation(
      codes, options, toy_job(), one.pooling == Pooling::guided ? decoders : std::vector<Bytes>{});
  if (!trained) return pass(trained);
  return std::move(trained->network);
}

tensorfile::Tensor stored(const FloatTensor& tensor) {
  return tensorfile::f32_tensor(tensor.shape, tensor.data);
}

Result<void> write(const Case& one, const std::vector<Bytes>& decoders,
                   const std::filesystem::path& folder) {
  const auto network = train(one, decoders);
  if (!network) return pass(network);
  const auto loaded = SegmentationNetwork::load(*network, toy_job().compute);
  if (!loaded) return pass(loaded);
  const auto codes = random_codes(one, slices, 99);
  tensorfile::TensorFile reference;
  reference.tensors["codes"] = stored(codes);
  for (int site = 0; site < loaded->sites(); ++site) {
    const auto masks = loaded->predict(codes, site);
    if (!masks) return pass(masks);
    reference.tensors[fmt::format("masks.{}", site)] = stored(*masks);
  }
  if (auto made = make_folder(folder); !made) return made;
  if (auto done = write_file(folder / "network.safetensors", *network); !done) return done;
  return write_file(folder / "reference.safetensors", write_tensor_file(reference));
}

std::vector<Case> cases() {
  std::vector<Case> all;
  for (const auto pooling : {Pooling::plain, Pooling::adapted, Pooling::guided})
    for (int levels = 1; levels <= 4; ++levels)
      for (const int blocks : {0, 2}) all.push_back({pooling, levels, blocks, 6, 5});
  all.push_back({Pooling::adapted, 4, 2, 12, 12});
  all.push_back({Pooling::adapted, 1, 0, 1, 9});  // fewer pixels than bins
  return all;
}

Result<void> write_all(const std::filesystem::path& folder) {
  MaskEncoderOptions mask;
  mask.recipe = toy_recipe(2);
  mask.attempts_max = 1;
  const auto encoder = train_mask_encoder(toy_slices(4), mask, toy_secret(1), toy_job());
  if (!encoder) return pass(encoder);
  const std::vector<Bytes> decoders(site_count, encoder->decoder);
  for (const Case& one : cases()) {
    const auto name = fmt::format("{}-{}-{}-{}x{}", to_string(one.pooling), one.levels,
                                  one.grid_blocks, one.height, one.width);
    if (auto done = write(one, decoders, folder / name); !done) return done;
  }
  return {};
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  const auto done = write_all(arguments[1]);
  if (!done) fmt::print(stderr, "{}\n", done.error().what);
  return done ? 0 : 1;
}
