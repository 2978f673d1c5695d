#include "imaging/preprocess.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/ensure.h"
#include "imaging/filters.h"

namespace cloister::imaging {
namespace {

// The volume's axes in the order of a slice stack: along a row, down the rows, from slice to slice.
struct SliceOrder {
  std::array<std::size_t, 3> axis{0, 1, 2};
  std::array<std::size_t, 3> length{};
  std::array<std::size_t, 3> stride{};

  [[nodiscard]] std::size_t voxels() const { return length[0] * length[1] * length[2]; }
  [[nodiscard]] Size3 size() const { return {length[0], length[1], length[2]}; }
};

SliceOrder slice_order(const Geometry& geometry) {
  SliceOrder order;
  const auto across = static_cast<std::size_t>(slice_axis(geometry));
  if (across == 0) order.axis = {1, 2, 0};
  if (across == 1) order.axis = {0, 2, 1};
  const std::array<std::size_t, 3> sizes{geometry.size.x, geometry.size.y, geometry.size.z};
  const std::array<std::size_t, 3> strides{1, sizes[0], sizes[0] * sizes[1]};
  for (std::size_t i = 0; i < 3; ++i) {
    order.length[i] = sizes[order.axis[i]];
    order.stride[i] = strides[order.axis[i]];
  }
  return order;
}

// Calls visit(index in the stack, index in the volume) in the order of the stack.
template <class Visit>
void for_each_voxel(const SliceOrder& order, Visit visit) {
  std::size_t stacked = 0;
  for (std::size_t k = 0; k < order.length[2]; ++k) {
    for (std::size_t j = 0; j < order.length[1]; ++j) {
      const std::size_t row = k * order.stride[2] + j * order.stride[1];
      for (std::size_t i = 0; i < order.length[0]; ++i) visit(stacked++, row + i * order.stride[0]);
    }
  }
}

// Both grids share one world whose zero is the common centre, see the header.
Grid source_grid(const SliceOrder& order, const Geometry& geometry) {
  Grid grid{order.size(), {1, 1, 1}, {0, 0, 0}};
  for (std::size_t i = 0; i < 2; ++i) {
    grid.spacing[i] = geometry.spacing_mm[order.axis[i]];
    grid.origin[i] = -grid.spacing[i] * static_cast<double>(order.length[i] / 2);
  }
  return grid;
}

Grid network_grid(const SliceOrder& order, const Geometry& geometry, const PreprocessPlan& plan) {
  Grid grid{{plan.width, plan.height, order.length[2]}, {1, 1, 1}, {0, 0, 0}};
  const std::array<std::size_t, 2> pixels{plan.width, plan.height};
  for (std::size_t i = 0; i < 2; ++i) {
    grid.spacing[i] = plan.spacing_mm > 0 ? plan.spacing_mm : geometry.spacing_mm[order.axis[i]];
    grid.origin[i] = -grid.spacing[i] * static_cast<double>(pixels[i] / 2);
  }
  return grid;
}

float percentile(std::vector<float>& values, double percent) {
  const auto rank =
      static_cast<std::size_t>(percent / 100.0 * static_cast<double>(values.size() - 1));
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(rank);
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

Result<void> normalise(std::vector<float>& values, const PreprocessPlan& plan) {
  std::vector<float> sorted = values;
  const float low = percentile(sorted, plan.clip_low_percent);
  const float high = percentile(sorted, plan.clip_high_percent);
  double sum = 0;
  double squares = 0;
  for (float& value : values) {
    value = std::clamp(value, low, high);
    sum += value;
    squares += static_cast<double>(value) * value;
  }
  const auto n = static_cast<double>(values.size());
  const double mean = sum / n;
  const double variance = squares / n - mean * mean;
  if (!(high > low) || !(variance > 0)) {
    return fail(Kind::invalid, "image.constant",
                "Nearly every voxel has the same value: nothing is left after clipping.",
                "Look at the image; its intensities may have been lost.");
  }
  const double scale = 1.0 / std::sqrt(variance);
  for (float& value : values) value = static_cast<float>((value - mean) * scale);
  return {};
}

Result<void> check_match(const SliceOrder& order, const PreprocessPlan& plan,
                         const std::array<std::size_t, 3>& stack) {
  if (stack[0] == order.length[2] && stack[1] == plan.height && stack[2] == plan.width) return {};
  return fail(Kind::invalid, "image.stack_mismatch",
              fmt::format("The stack of {} x {} x {} does not belong to this volume and plan.",
                          stack[0], stack[1], stack[2]),
              "Use the plan that made the slices.");
}

Mask mask_from_stack(const std::vector<std::uint8_t>& stacked, const SliceOrder& order,
                     const Geometry& geometry) {
  Mask mask{geometry, std::vector<std::uint8_t>(geometry.size.voxels(), 0), {}};
  for_each_voxel(order, [&](std::size_t in_stack, std::size_t in_volume) {
    mask.labels[in_volume] = stacked[in_stack];
  });
  return mask;
}

}  // namespace

Result<void> check_plan(const PreprocessPlan& plan) {
  const auto bad_size = [](std::size_t n) { return n % 16 != 0 || n < 16 || n > 1024; };
  std::string problem;
  if (bad_size(plan.width) || bad_size(plan.height)) {
    problem = fmt::format("{} x {} pixels are no multiples of 16 within 16 to 1024.", plan.width,
                          plan.height);
  } else if (plan.spacing_mm != 0 && !(plan.spacing_mm >= 0.2 && plan.spacing_mm <= 10)) {
    problem = fmt::format("A spacing of {} mm is neither 0 nor within 0.2 to 10.", plan.spacing_mm);
  } else if (!(plan.clip_low_percent >= 0 && plan.clip_low_percent < plan.clip_high_percent &&
               plan.clip_high_percent <= 100)) {
    problem = "The clipping percentiles are not in order within 0 to 100.";
  }
  if (problem.empty()) return {};
  return fail(Kind::invalid, "plan.bad_preprocessing", problem, "Correct the plan.");
}

int slice_axis(const Geometry& geometry) {
  const Vector3& s = geometry.spacing_mm;
  const auto widest = static_cast<std::size_t>(std::max_element(s.begin(), s.end()) - s.begin());
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (axis != widest && s[widest] < 1.5 * s[axis]) return 2;
  }
  return static_cast<int>(widest);
}

Result<ImageStack> to_slices(const Volume& volume, const PreprocessPlan& plan) {
  if (auto ok = check_plan(plan); !ok) return pass(ok);
  const SliceOrder order = slice_order(volume.geometry);
  FloatGrid source{source_grid(order, volume.geometry), std::vector<float>(order.voxels())};
  for_each_voxel(order, [&](std::size_t in_stack, std::size_t in_volume) {
    source.values[in_stack] = volume.voxels[in_volume];
  });
  if (auto ok = normalise(source.values, plan); !ok) return pass(ok);
  const float darkest = *std::min_element(source.values.begin(), source.values.end());
  auto values = resample_linear(source, network_grid(order, volume.geometry, plan), darkest);
  if (!values) return pass(std::move(values));
  return ImageStack{order.length[2], plan.height, plan.width, std::move(*values)};
}

Result<LabelStack> to_slices(const Mask& mask, const PreprocessPlan& plan) {
  if (auto ok = check_plan(plan); !ok) return pass(ok);
  const SliceOrder order = slice_order(mask.geometry);
  ByteGrid source{source_grid(order, mask.geometry), std::vector<std::uint8_t>(order.voxels())};
  for_each_voxel(order, [&](std::size_t in_stack, std::size_t in_volume) {
    source.values[in_stack] = mask.labels[in_volume];
  });
  auto labels = resample_nearest(source, network_grid(order, mask.geometry, plan), 0);
  if (!labels) return pass(std::move(labels));
  return LabelStack{order.length[2], plan.height, plan.width, std::move(*labels)};
}

Result<Mask> to_mask(const ProbabilityStack& probabilities, const Geometry& geometry,
                     const PreprocessPlan& plan) {
  const SliceOrder order = slice_order(geometry);
  const auto ok =
      check_match(order, plan, {probabilities.count, probabilities.height, probabilities.width});
  if (!ok) return pass(ok);
  const std::size_t pixels = plan.width * plan.height;
  ensure(probabilities.values.size() == probabilities.count * probabilities.classes * pixels,
         "as many probabilities as the stack says");
  const Grid onto = source_grid(order, geometry);
  std::vector<float> best;
  std::vector<std::uint8_t> winner(order.voxels(), 0);
  FloatGrid one{network_grid(order, geometry, plan),
                std::vector<float>(probabilities.count * pixels)};
  for (std::size_t c = 0; c < probabilities.classes; ++c) {
    for (std::size_t slice = 0; slice < probabilities.count; ++slice) {
      const auto from = static_cast<std::ptrdiff_t>((slice * probabilities.classes + c) * pixels);
      std::copy_n(probabilities.values.begin() + from, pixels,
                  one.values.begin() + static_cast<std::ptrdiff_t>(slice * pixels));
    }
    auto values = resample_linear(one, onto, c == 0 ? 1.0F : 0.0F);
    if (!values) return pass(std::move(values));
    if (c == 0) best = std::vector<float>(values->size(), -1.0F);
    for (std::size_t i = 0; i < values->size(); ++i) {
      if ((*values)[i] <= best[i]) continue;
      best[i] = (*values)[i];
      winner[i] = static_cast<std::uint8_t>(c);
    }
  }
  return mask_from_stack(winner, order, geometry);
}

Result<Mask> to_mask(const LabelStack& labels, const Geometry& geometry,
                     const PreprocessPlan& plan) {
  const SliceOrder order = slice_order(geometry);
  const auto ok = check_match(order, plan, {labels.count, labels.height, labels.width});
  if (!ok) return pass(ok);
  const ByteGrid from{network_grid(order, geometry, plan), labels.labels};
  const auto stacked = resample_nearest(from, source_grid(order, geometry), 0);
  if (!stacked) return pass(stacked);
  return mask_from_stack(*stacked, order, geometry);
}

}  // namespace cloister::imaging
