#include "networks/slices.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace cloister::networks {
namespace {

constexpr int side_multiple = 16;
constexpr int side_max = 4096;

tl::unexpected<Error> bad(std::string_view code, std::string what) {
  return fail(Kind::invalid, fmt::format("slices.{}", code), std::move(what),
              "Preprocess the case again; if it persists, exclude it.");
}

}  // namespace

Result<void> check_slices(const SliceSet& slices, int structures) {
  const auto side_is_sound = [](int side) {
    return side > 0 && side <= side_max && side % side_multiple == 0;
  };
  if (!side_is_sound(slices.height) || !side_is_sound(slices.width))
    return bad("size", fmt::format("Slices of {} x {} pixels are not multiples of 16.",
                                   slices.height, slices.width));
  const std::size_t floats = slices.size() * slices.pixels();
  if ((!slices.images.empty() && slices.images.size() != floats) ||
      (!slices.labels.empty() && slices.labels.size() != floats) ||
      (slices.images.empty() && slices.labels.empty() && floats > 0) ||
      slices.patient.size() != slices.size())
    return bad("count", "Images, masks, volumes and patients of a slice set differ in number.");
  if (std::any_of(slices.images.begin(), slices.images.end(),
                  [](float value) { return !std::isfinite(value); }))
    return bad("not_finite", "A slice holds NaN or infinite intensities.");
  if (std::any_of(slices.labels.begin(), slices.labels.end(),
                  [structures](std::uint8_t label) { return label > structures; }))
    return bad("label", fmt::format("A mask holds a label over {}.", structures));
  return {};
}

SliceSet slices_at(const SliceSet& slices, const std::vector<std::size_t>& indices) {
  SliceSet some;
  some.height = slices.height;
  some.width = slices.width;
  const std::size_t pixels = slices.pixels();
  const auto take = [&](const auto& from, auto& to) {
    if (from.empty()) return;
    to.reserve(indices.size() * pixels);
    for (const std::size_t i : indices) {
      const auto start = from.begin() + static_cast<std::ptrdiff_t>(i * pixels);
      to.insert(to.end(), start, start + static_cast<std::ptrdiff_t>(pixels));
    }
  };
  take(slices.images, some.images);
  take(slices.labels, some.labels);
  for (const std::size_t i : indices) {
    some.volume.push_back(slices.volume[i]);
    some.patient.push_back(slices.patient[i]);
  }
  return some;
}

SliceSet slices_of_patients(const SliceSet& slices, const std::vector<std::int64_t>& patients) {
  std::vector<std::size_t> indices;
  for (std::size_t i = 0; i < slices.size(); ++i)
    if (std::find(patients.begin(), patients.end(), slices.patient[i]) != patients.end())
      indices.push_back(i);
  return slices_at(slices, indices);
}

}  // namespace cloister::networks
