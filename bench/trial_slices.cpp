#include "bench/trial_slices.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "base/file.h"
#include "tensorfile/tensor_file.h"

namespace cloister {
namespace {

using networks::SliceSet;

constexpr float darkest = -5;
constexpr float brightest = 10;  // z-scores of clipped images lie within

std::uint8_t stepped(float value) {
  const float part = (std::clamp(value, darkest, brightest) - darkest) / (brightest - darkest);
  return static_cast<std::uint8_t>(std::lround(part * 255));
}

float unstepped(std::uint8_t value) {
  return darkest + (brightest - darkest) * static_cast<float>(value) / 255;
}

// Where the target's pixel `i` lies in the source, as imaging/preprocess.h has it.
float source_place(int i, int target, int source, double ratio) {
  return static_cast<float>((i - target / 2) * ratio + source / 2);
}

// One slice, linear for the image and nearest for labels; outside repeats the border or is
// background.
void regrid_slice(const SliceSet& from, std::size_t slice, double ratio, SliceSet& to) {
  const float* image = from.images.data() + slice * from.pixels();
  const std::uint8_t* labels = from.labels.data() + slice * from.pixels();
  for (int row = 0; row < to.height; ++row) {
    const float r = source_place(row, to.height, from.height, ratio);
    const float r_in = std::clamp(r, 0.0f, static_cast<float>(from.height - 1));
    const int top = std::min(static_cast<int>(r_in), from.height - 2);
    for (int column = 0; column < to.width; ++column) {
      const float c = source_place(column, to.width, from.width, ratio);
      const float c_in = std::clamp(c, 0.0f, static_cast<float>(from.width - 1));
      const int left = std::min(static_cast<int>(c_in), from.width - 2);
      const float down = r_in - static_cast<float>(top);
      const float right = c_in - static_cast<float>(left);
      const float* p = image + top * from.width + left;
      const float upper = p[0] + (p[1] - p[0]) * right;
      const float lower = p[from.width] + (p[from.width + 1] - p[from.width]) * right;
      to.images.push_back(upper + (lower - upper) * down);
      const long near_row = std::lround(r);
      const long near_column = std::lround(c);
      const bool inside =
          near_row >= 0 && near_column >= 0 && near_row < from.height && near_column < from.width;
      to.labels.push_back(inside ? labels[near_row * from.width + near_column] : 0);
    }
  }
}

Result<SliceSet> read_file_slices(const std::filesystem::path& place, const SliceGrid& grid) {
  const auto bytes = read_file(place, 1ULL << 30);
  if (!bytes) return pass(bytes);
  const auto file = tensorfile::read_tensor_file(*bytes);
  if (!file) return pass(file);
  const auto images = file->get("images", tensorfile::DType::u8);
  const auto labels = file->get("labels", tensorfile::DType::u8);
  const auto volume = file->get("volume", tensorfile::DType::i64);
  const auto patient = file->get("patient", tensorfile::DType::i64);
  const auto spacing = file->text("spacing_mm");
  if (!images || !labels || !volume || !patient || !spacing || images->shape.size() != 3)
    return fail(Kind::corrupt, "trial.slices", "This is not a file of exported slices.",
                "Export it again.");
  SliceSet from;
  from.height = static_cast<int>(images->shape[1]);
  from.width = static_cast<int>(images->shape[2]);
  for (const auto value : images->data) from.images.push_back(unstepped(value));
  from.labels.assign(labels->data.begin(), labels->data.end());
  from.volume = integers_of(*volume);
  from.patient = integers_of(*patient);
  SliceSet to;
  to.height = to.width = grid.pixels;
  to.volume = from.volume;
  to.patient = from.patient;
  const double ratio = grid.spacing_mm / std::strtod(spacing->c_str(), nullptr);
  for (std::size_t i = 0; i < from.size(); ++i) regrid_slice(from, i, ratio, to);
  return to;
}

}  // namespace

#ifndef CLOISTER_TRIAL_IMAGING
static Result<SliceSet> read_dataset_slices(const std::filesystem::path&, const SliceGrid&) {
  return fail(Kind::unsupported, "trial.no_imaging", "This build reads exported slices only.",
              "Export them where ITK is installed.");
}
#else
Result<SliceSet> read_dataset_slices(const std::filesystem::path& folder, const SliceGrid& grid);
#endif

std::vector<std::filesystem::path> site_places(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> places;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.is_directory() || entry.path().extension() == ".slices")
      places.push_back(entry.path());
  std::sort(places.begin(), places.end());
  return places;
}

Result<SliceSet> read_trial_slices(const std::filesystem::path& place, const SliceGrid& grid) {
  return std::filesystem::is_directory(place) ? read_dataset_slices(place, grid)
                                              : read_file_slices(place, grid);
}

Result<void> write_trial_slices(const SliceSet& slices, const SliceGrid& grid,
                                const std::filesystem::path& file) {
  tensorfile::TensorFile out;
  out.metadata["spacing_mm"] = std::to_string(grid.spacing_mm);
  const auto count = static_cast<std::int64_t>(slices.size());
  Bytes steps;
  for (const float value : slices.images) steps.push_back(stepped(value));
  out.tensors["images"] = tensorfile::u8_tensor({count, slices.height, slices.width}, steps);
  out.tensors["labels"] =
      tensorfile::u8_tensor({count, slices.height, slices.width}, slices.labels);
  out.tensors["volume"] = tensorfile::i64_tensor({count}, slices.volume);
  out.tensors["patient"] = tensorfile::i64_tensor({count}, slices.patient);
  return write_file(file, write_tensor_file(out));
}

}  // namespace cloister
