#include "networks/views.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "networks/seeds.h"
#include "networks/side_by_side.h"
#include "tensorfile/channels.h"

namespace cloister::networks {
namespace {

namespace tf = tensorfile;

constexpr float half_max = 65504.0f;

Result<void> check_range(const FloatTensor& codes) {
  const bool sound = std::all_of(codes.data.begin(), codes.data.end(), [](float value) {
    return std::isfinite(value) && std::abs(value) <= half_max;
  });
  if (sound) return {};
  return fail(Kind::invalid, "codes.range", "Codes hold values that a 16-bit float cannot carry.",
              "Train the encoder again: its codes have diverged.");
}

tl::unexpected<Error> bad_shard(std::string what) {
  return fail(Kind::corrupt, "codes.shard", std::move(what), "Fetch or encode the shard again.");
}

Result<FloatTensor> code_tensor(const tf::TensorFileView& file, const std::string& name) {
  auto codes = tf::channels_of(file, name, code_channels);
  if (!codes) return pass(codes);
  return FloatTensor{std::move(codes->shape), std::move(codes->data)};
}

float bilinear(const float* map, int height, int width, double row, double column) {
  const double r = std::clamp(row, 0.0, static_cast<double>(height - 1));
  const double c = std::clamp(column, 0.0, static_cast<double>(width - 1));
  const int top = std::min(static_cast<int>(r), height - 2);
  const int left = std::min(static_cast<int>(c), width - 2);
  const auto down = static_cast<float>(r - top);
  const auto right = static_cast<float>(c - left);
  const float* p = map + static_cast<std::ptrdiff_t>(top) * width + left;
  const float upper = p[0] + (p[1] - p[0]) * right;
  const float lower = p[width] + (p[width + 1] - p[width]) * right;
  return upper + (lower - upper) * down;
}

// Flip first, then rotate about the middle; `inverse` undoes both.
void turn(const float* from, float* to, int height, int width, const TestView& view, bool inverse) {
  const double angle = view.rotation_degrees * std::numbers::pi / 180 * (inverse ? -1 : 1);
  const double cosine = std::cos(angle);
  const double sine = std::sin(angle);
  const double middle_row = (height - 1) / 2.0;
  const double middle_column = (width - 1) / 2.0;
  for (int row = 0; row < height; ++row)
    for (int column = 0; column < width; ++column) {
      double r = row - middle_row;
      double c = column - middle_column;
      if (inverse) {
        if (view.flip_rows) r = -r;
        if (view.flip_columns) c = -c;
      }
      double source_row = cosine * r - sine * c;
      double source_column = sine * r + cosine * c;
      if (!inverse) {
        if (view.flip_rows) source_row = -source_row;
        if (view.flip_columns) source_column = -source_column;
      }
      to[static_cast<std::ptrdiff_t>(row) * width + column] =
          bilinear(from, height, width, source_row + middle_row, source_column + middle_column);
    }
}

}  // namespace

Result<SliceSet> draw_views(const SliceSet& slices, const ViewOptions& options,
                            BytesView secret_seed) {
  if (secret_seed.size() < secret_seed_bytes_min)
    return fail(Kind::invalid, "encoder.short_seed", "The secret seed of the views is too short.",
                "Draw at least 16 bytes from the system's entropy.");
  if (options.views < 1 || options.views > 64)
    return fail(Kind::invalid, "views.count", "A slice has 1 to 64 views.", "Correct the plan.");
  const Seeds seeds(secret_seed);
  const auto views = static_cast<std::size_t>(options.views);
  std::vector<std::size_t> indices;
  for (std::size_t slice = 0; slice < slices.size(); ++slice)
    indices.insert(indices.end(), views, slice);
  SliceSet drawn = slices_at(slices, indices);
  const std::size_t pixels = slices.pixels();
  side_by_side(indices.size(), [&](std::size_t i) {
    if (i % views == 0) return;  // view 0 is the slice itself
    Prng prng(seeds.at(Draw::views, i));
    SliceView in;
    SliceOut out;
    if (!slices.images.empty()) {
      in.image = {slices.images.data() + indices[i] * pixels, pixels};
      out.image = {drawn.images.data() + i * pixels, pixels};
    }
    if (!slices.labels.empty()) {
      in.labels = {slices.labels.data() + indices[i] * pixels, pixels};
      out.labels = {drawn.labels.data() + i * pixels, pixels};
    }
    augment(options.augmentation, slices.height, slices.width, prng, in, out);
  });
  return drawn;
}

Result<Bytes> write_code_shard(const CodePairs& pairs) {
  for (const auto* codes : {&pairs.image_codes, &pairs.mask_codes})
    if (auto sound = check_range(*codes); !sound) return pass(sound);
  const auto count = static_cast<std::int64_t>(pairs.slice.size());
  tf::TensorFile file;
  file.metadata = {{"kind", "cloister-codes"}, {"version", "1"}};
  file.tensors = {{"slice", tf::i64_tensor({count}, pairs.slice)},
                  {"view", tf::i64_tensor({count}, pairs.view)}};
  tf::put_channels(file, "image_codes", pairs.image_codes.shape, pairs.image_codes.data);
  tf::put_channels(file, "mask_codes", pairs.mask_codes.shape, pairs.mask_codes.data);
  return write_tensor_file(file);
}

Result<CodePairs> read_code_shard(BytesView shard) {
  const auto file = tf::read_tensor_file(shard);
  if (!file) return pass(file);
  auto image_codes = code_tensor(*file, "image_codes");
  if (!image_codes) return pass(image_codes);
  auto mask_codes = code_tensor(*file, "mask_codes");
  if (!mask_codes) return pass(mask_codes);
  const auto slice = file->get("slice", tf::DType::i64);
  if (!slice) return pass(slice);
  const auto view = file->get("view", tf::DType::i64);
  if (!view) return pass(view);
  CodePairs pairs{std::move(*image_codes), std::move(*mask_codes), integers_of(*slice),
                  integers_of(*view)};
  const auto count = static_cast<std::size_t>(pairs.image_codes.shape[0]);
  if (pairs.image_codes.shape != pairs.mask_codes.shape || pairs.slice.size() != count ||
      pairs.view.size() != count)
    return bad_shard("Image codes, mask codes, slices and views of a shard differ in number.");
  return pairs;
}

Result<Bytes> write_codes(const FloatTensor& codes) {
  if (auto sound = check_range(codes); !sound) return pass(sound);
  tf::TensorFile file;
  file.metadata = {{"kind", "cloister-codes"}, {"version", "1"}};
  tf::put_channels(file, "codes", codes.shape, codes.data);
  return write_tensor_file(file);
}

Result<FloatTensor> read_codes(BytesView bytes) {
  const auto file = tf::read_tensor_file(bytes);
  if (!file) return pass(file);
  return code_tensor(*file, "codes");
}

std::vector<TestView> test_views(int count) {
  const std::vector<TestView> all{
      {}, {10, false, false}, {-10, false, false}, {20, false, false}, {-20, false, false}};
  const auto some = std::clamp<std::ptrdiff_t>(count, 1, static_cast<std::ptrdiff_t>(all.size()));
  return {all.begin(), all.begin() + some};
}

SliceSet apply_test_view(const SliceSet& slices, const TestView& view) {
  SliceSet turned = slices;
  turned.labels.clear();
  const std::size_t pixels = slices.pixels();
  side_by_side(slices.size(), [&](std::size_t i) {
    turn(slices.images.data() + i * pixels, turned.images.data() + i * pixels, slices.height,
         slices.width, view, false);
  });
  return turned;
}

FloatTensor undo_test_view(const FloatTensor& maps, const TestView& view) {
  FloatTensor turned = maps;
  const auto height = static_cast<int>(maps.shape[2]);
  const auto width = static_cast<int>(maps.shape[3]);
  const auto pixels = static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  side_by_side(pixels == 0 ? 0 : maps.data.size() / pixels, [&](std::size_t i) {
    turn(maps.data.data() + i * pixels, turned.data.data() + i * pixels, height, width, view, true);
  });
  return turned;
}

std::vector<std::uint8_t> most_probable(const FloatTensor& probabilities) {
  const auto count = static_cast<std::size_t>(probabilities.shape[0]);
  const auto classes = static_cast<std::size_t>(probabilities.shape[1]);
  const auto pixels = static_cast<std::size_t>(probabilities.shape[2] * probabilities.shape[3]);
  std::vector<std::uint8_t> labels(count * pixels);
  for (std::size_t slice = 0; slice < count; ++slice) {
    const float* maps = probabilities.data.data() + slice * classes * pixels;
    for (std::size_t i = 0; i < pixels; ++i) {
      std::size_t best = 0;
      for (std::size_t c = 1; c < classes; ++c)
        if (maps[c * pixels + i] > maps[best * pixels + i]) best = c;
      labels[slice * pixels + i] = static_cast<std::uint8_t>(best);
    }
  }
  return labels;
}

}  // namespace cloister::networks
