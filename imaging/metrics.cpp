#include "imaging/metrics.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "base/ensure.h"
#include "base/prng.h"
#include "imaging/filters.h"

namespace cloister::imaging {
namespace {

// One structure cut out of both masks, with a margin of one voxel that is never part of it (so that
// distance maps always have an outside, and the border of the image counts as surface).
struct Pair {
  Grid grid;
  std::vector<std::uint8_t> a, b;
  std::size_t count_a = 0, count_b = 0, count_both = 0;
};

struct Box {
  std::array<std::size_t, 3> low{SIZE_MAX, SIZE_MAX, SIZE_MAX};
  std::array<std::size_t, 3> high{0, 0, 0};

  void add(const std::array<std::size_t, 3>& at) {
    for (std::size_t i = 0; i < 3; ++i) {
      low[i] = std::min(low[i], at[i]);
      high[i] = std::max(high[i], at[i]);
    }
  }
  [[nodiscard]] bool empty() const { return low[0] > high[0]; }
};

template <class Visit>
void for_each(const Size3& size, Visit visit) {
  std::size_t index = 0;
  for (std::size_t z = 0; z < size.z; ++z) {
    for (std::size_t y = 0; y < size.y; ++y) {
      for (std::size_t x = 0; x < size.x; ++x) visit(index++, std::array{x, y, z});
    }
  }
}

Pair cut_out(const Mask& predicted, const Mask& truth, std::uint8_t structure) {
  Box box;
  const Size3& size = truth.geometry.size;
  for_each(size, [&](std::size_t i, const std::array<std::size_t, 3>& at) {
    if (predicted.labels[i] == structure || truth.labels[i] == structure) box.add(at);
  });
  Pair pair;
  if (box.empty()) return pair;
  pair.grid.size = {box.high[0] - box.low[0] + 3, box.high[1] - box.low[1] + 3,
                    box.high[2] - box.low[2] + 3};
  pair.grid.spacing = truth.geometry.spacing_mm;
  pair.a.assign(pair.grid.size.voxels(), 0);
  pair.b = pair.a;
  for_each(pair.grid.size, [&](std::size_t i, const std::array<std::size_t, 3>& at) {
    std::array<std::size_t, 3> from{};
    for (std::size_t k = 0; k < 3; ++k) {
      if (at[k] == 0 || at[k] > box.high[k] - box.low[k] + 1) return;
      from[k] = box.low[k] + at[k] - 1;
    }
    const std::size_t j = from[0] + size.x * (from[1] + size.y * from[2]);
    pair.a[i] = predicted.labels[j] == structure;
    pair.b[i] = truth.labels[j] == structure;
    pair.count_a += pair.a[i];
    pair.count_b += pair.b[i];
    pair.count_both += pair.a[i] & pair.b[i];
  });
  return pair;
}

// The margin guarantees that every structure voxel has all six neighbours within the grid.
std::vector<std::uint8_t> surface_of(const Grid& grid, const std::vector<std::uint8_t>& inside) {
  std::vector<std::uint8_t> surface(inside.size(), 0);
  const std::size_t row = grid.size.x;
  const std::size_t slice = row * grid.size.y;
  for (std::size_t i = 0; i < inside.size(); ++i) {
    if (inside[i] == 0) continue;
    const bool enclosed = inside[i - 1] != 0 && inside[i + 1] != 0 && inside[i - row] != 0 &&
                          inside[i + row] != 0 && inside[i - slice] != 0 && inside[i + slice] != 0;
    surface[i] = enclosed ? 0 : 1;
  }
  return surface;
}

// Distances of the surface voxels of `from` to the nearest surface voxel of `to`, ascending.
Result<std::vector<double>> surface_distances(const Grid& grid,
                                              const std::vector<std::uint8_t>& from,
                                              const std::vector<std::uint8_t>& to) {
  const auto map = distance_to_nonzero({grid, to});
  if (!map) return pass(map);
  std::vector<double> distances;
  for (std::size_t i = 0; i < from.size(); ++i) {
    if (from[i] != 0) distances.push_back((*map)[i]);
  }
  std::sort(distances.begin(), distances.end());
  return distances;
}

// Linear between ranks, as in the usual statistics packages; `sorted` is not empty.
double percentile(const std::vector<double>& sorted, double percent) {
  const double rank = percent / 100.0 * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(rank);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (rank - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

double sum_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum;
}

double diagonal_mm(const Geometry& geometry) {
  return std::hypot(geometry.spacing_mm[0] * static_cast<double>(geometry.size.x),
                    geometry.spacing_mm[1] * static_cast<double>(geometry.size.y),
                    geometry.spacing_mm[2] * static_cast<double>(geometry.size.z));
}

Result<StructureScore> score_one(const Mask& predicted, const Mask& truth, std::uint8_t structure) {
  const Pair pair = cut_out(predicted, truth, structure);
  StructureScore score;
  const double voxel_ml = truth.geometry.voxel_volume_ml();
  score.predicted_ml = static_cast<double>(pair.count_a) * voxel_ml;
  score.truth_ml = static_cast<double>(pair.count_b) * voxel_ml;
  score.both_empty = pair.count_a == 0 && pair.count_b == 0;
  score.one_empty = !score.both_empty && (pair.count_a == 0 || pair.count_b == 0);
  if (score.both_empty) {
    score.dsc = 1;
    return score;
  }
  if (score.one_empty) {
    score.hd95_mm = score.assd_mm = diagonal_mm(truth.geometry);
    return score;
  }
  score.dsc =
      2.0 * static_cast<double>(pair.count_both) / static_cast<double>(pair.count_a + pair.count_b);
  const auto surface_a = surface_of(pair.grid, pair.a);
  const auto surface_b = surface_of(pair.grid, pair.b);
  const auto a_to_b = surface_distances(pair.grid, surface_a, surface_b);
  if (!a_to_b) return pass(a_to_b);
  const auto b_to_a = surface_distances(pair.grid, surface_b, surface_a);
  if (!b_to_a) return pass(b_to_a);
  score.hd95_mm = std::max(percentile(*a_to_b, 95), percentile(*b_to_a, 95));
  score.assd_mm =
      (sum_of(*a_to_b) + sum_of(*b_to_a)) / static_cast<double>(a_to_b->size() + b_to_a->size());
  return score;
}

// Bytes that mark the voxels of the largest component of `structure`.
Result<std::vector<std::uint8_t>> largest_component(const Mask& mask, std::uint8_t structure) {
  ByteGrid grid{{mask.geometry.size, {1, 1, 1}, {0, 0, 0}},
                std::vector<std::uint8_t>(mask.labels.size())};
  for (std::size_t i = 0; i < mask.labels.size(); ++i) grid.values[i] = mask.labels[i] == structure;
  const auto components = connected_components(grid);
  if (!components) return pass(components);
  std::map<std::uint32_t, std::size_t> sizes;
  for (const std::uint32_t number : *components) {
    if (number != 0) ++sizes[number];
  }
  std::uint32_t largest = 0;
  std::size_t largest_size = 0;
  for (const auto& [number, size] : sizes) {
    if (size <= largest_size) continue;
    largest = number;
    largest_size = size;
  }
  for (std::size_t i = 0; i < grid.values.size(); ++i) {
    grid.values[i] = (*components)[i] == largest && largest != 0;
  }
  return std::move(grid.values);
}

}  // namespace

Result<std::vector<StructureScore>> score_structures(const Mask& predicted, const Mask& truth,
                                                     std::size_t structures) {
  if (auto same = same_space(predicted.geometry, truth.geometry); !same) return pass(same);
  std::vector<StructureScore> scores;
  for (std::size_t structure = 1; structure <= structures; ++structure) {
    const auto score = score_one(predicted, truth, static_cast<std::uint8_t>(structure));
    if (!score) return pass(score);
    scores.push_back(*score);
  }
  return scores;
}

Result<Mask> keep_largest_components(const Mask& mask, std::size_t structures) {
  Mask kept = mask;
  for (std::size_t structure = 1; structure <= structures; ++structure) {
    const auto largest = largest_component(mask, static_cast<std::uint8_t>(structure));
    if (!largest) return pass(largest);
    for (std::size_t i = 0; i < kept.labels.size(); ++i) {
      if (mask.labels[i] == structure && (*largest)[i] == 0) kept.labels[i] = 0;
    }
  }
  return kept;
}

Summary summarise(std::span<const double> values, std::uint64_t seed) {
  Summary summary;
  summary.count = values.size();
  if (values.empty()) return summary;
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const auto n = static_cast<double>(values.size());
  summary.mean = sum_of(sorted) / n;
  summary.median = percentile(sorted, 50);
  constexpr std::size_t resamples = 2000;
  Prng prng(seed);
  std::vector<double> means;
  means.reserve(resamples);
  for (std::size_t i = 0; i < resamples; ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < sorted.size(); ++k) sum += sorted[prng.below(sorted.size())];
    means.push_back(sum / n);
  }
  std::sort(means.begin(), means.end());
  summary.low = percentile(means, 2.5);
  summary.high = percentile(means, 97.5);
  return summary;
}

CavityFunction cavity_function(double edv_ml, double esv_ml) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  return {edv_ml, esv_ml, edv_ml > 0 ? 100.0 * (edv_ml - esv_ml) / edv_ml : nan};
}

void Calibration::add(float confidence, bool correct) {
  const double clamped = std::clamp(static_cast<double>(confidence), 0.0, 1.0);
  const auto bin = std::min(bins - 1, static_cast<std::size_t>(clamped * bins));
  ++count_;
  ++in_bin_[bin];
  confidence_[bin] += clamped;
  correct_[bin] += correct ? 1 : 0;
}

double Calibration::expected_error() const {
  double error = 0;
  for (std::size_t bin = 0; bin < bins; ++bin) error += std::abs(confidence_[bin] - correct_[bin]);
  return count_ == 0 ? 0 : error / static_cast<double>(count_);
}

}  // namespace cloister::imaging
