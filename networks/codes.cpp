// Codes held in memory, and the names of modes: torch-free parts of segmentation.h and encoders.h.
#include <fmt/format.h>

#include <cstring>

#include "base/ensure.h"
#include "networks/segmentation.h"
#include "networks/views.h"
#include "tensorfile/half.h"
#include "tensorfile/tensor_file.h"

namespace cloister::networks {

Result<Pooling> parse_pooling(std::string_view text) {
  for (const Pooling pooling : {Pooling::plain, Pooling::adapted, Pooling::guided})
    if (to_string(pooling) == text) return pooling;
  return fail(Kind::invalid, "plan.pooling", fmt::format("There is no pooling called '{}'.", text),
              "Use 'plain', 'adapted' or 'guided'.");
}

std::string_view to_string(Pooling pooling) {
  switch (pooling) {
    case Pooling::plain:
      return "plain";
    case Pooling::adapted:
      return "adapted";
    case Pooling::guided:
      return "guided";
  }
  return "?";
}

Result<EncoderLearning> parse_encoder_learning(std::string_view text) {
  for (const auto learning :
       {EncoderLearning::reconstruct, EncoderLearning::task, EncoderLearning::hardened})
    if (to_string(learning) == text) return learning;
  return fail(Kind::invalid, "plan.encoder",
              fmt::format("There is no way of learning called '{}'.", text),
              "Use 'reconstruct', 'task' or 'hardened'.");
}

Result<Backbone> parse_backbone(std::string_view text) {
  for (const auto backbone : {Backbone::none, Backbone::unet})
    if (to_string(backbone) == text) return backbone;
  return fail(Kind::invalid, "plan.backbone",
              fmt::format("There is no backbone called '{}'.", text), "Use 'none' or 'unet'.");
}

std::string_view to_string(Backbone backbone) {
  return backbone == Backbone::unet ? "unet" : "none";
}

std::string_view to_string(EncoderLearning learning) {
  switch (learning) {
    case EncoderLearning::reconstruct:
      return "reconstruct";
    case EncoderLearning::task:
      return "task";
    case EncoderLearning::hardened:
      return "hardened";
  }
  return "?";
}

CodesInMemory::CodesInMemory(int sites)
    : image_codes_(static_cast<std::size_t>(sites)), mask_codes_(static_cast<std::size_t>(sites)) {}

Result<CodePairs> read_shard_of(CodeGrid& grid, BytesView shard) {
  auto pairs = read_code_shard(shard);
  if (!pairs) return pairs;
  const auto& shape = pairs->image_codes.shape;
  const CodeGrid its{static_cast<int>(shape[2]), static_cast<int>(shape[3])};
  if (grid.height == 0) grid = its;
  if (its.height == grid.height && its.width == grid.width) return pairs;
  return fail(Kind::conflict, "codes.grid",
              fmt::format("A shard's code grid is {} x {}, the others' is {} x {}.", its.height,
                          its.width, grid.height, grid.width),
              "All sites of a study encode at the plan's resolution.");
}

Result<void> CodesInMemory::add_shard(int site, BytesView shard) {
  ensure(site >= 0 && site < sites(), "a site of the plan");
  const auto checked = read_shard_of(grid_, shard);
  if (!checked) return pass(checked);
  const auto place = static_cast<std::size_t>(site);
  const auto keep = [](const FloatTensor& codes, std::vector<std::uint16_t>& in) {
    const auto halves = tensorfile::to_halves(codes.data);
    in.insert(in.end(), halves.begin(), halves.end());
  };
  keep(checked->image_codes, image_codes_[place]);
  keep(checked->mask_codes, mask_codes_[place]);
  return {};
}

int CodesInMemory::sites() const { return static_cast<int>(image_codes_.size()); }

std::size_t CodesInMemory::samples(int site) const {
  const std::size_t floats = grid_.floats();
  return floats == 0 ? 0 : image_codes_[static_cast<std::size_t>(site)].size() / floats;
}

Result<void> CodesInMemory::read(int site, std::size_t sample, std::span<float> image_code,
                                 std::span<float> mask_code) {
  ensure(sample < samples(site), "a sample that is there");
  const auto place = static_cast<std::size_t>(site);
  const auto floats = image_code.size();
  const auto copy = [&](const std::vector<std::uint16_t>& from, std::span<float> to) {
    tensorfile::from_halves({from.data() + sample * floats, floats}, to);
  };
  copy(image_codes_[place], image_code);
  copy(mask_codes_[place], mask_code);
  return {};
}

}  // namespace cloister::networks
