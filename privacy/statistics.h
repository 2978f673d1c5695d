// Small statistics for the admission gate. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace cloister::privacy {

struct Interval {
  double low = 0;
  double high = 0;
  friend bool operator==(const Interval&, const Interval&) = default;
};

// Wilson's 95 % interval of a proportion (Wilson, JASA 22:209, 1927). n = 0: [0, 1].
[[nodiscard]] Interval wilson_interval(std::size_t hits, std::size_t n);

// Pearson's correlation; 0 where either side is constant. Equal lengths.
[[nodiscard]] double correlation(std::span<const float> a, std::span<const float> b);

// Fisher's 95 % interval of |r| from n independent samples, cut to [0, 1]; n < 4: [0, 1].
[[nodiscard]] Interval correlation_interval(double r, std::size_t n);

// 95 % percentile interval (Efron, 1979) of a statistic of rows that come in groups: whole groups
// (patients) are drawn with replacement, because a patient's slices are no independent samples.
// Deterministic under the seed; 400 resamples. Fewer than two groups: nothing is known, [low, high]
// of `range`.
using RowStatistic = std::function<double(std::span<const std::size_t> rows)>;
[[nodiscard]] Interval cluster_interval(std::span<const std::int64_t> group_of_row,
                                        const RowStatistic& statistic, const Interval& range,
                                        std::uint64_t seed);

// How well a score tells two groups apart: the chance that a positive scores above a negative (ties
// count half). 0.5 where either side is empty.
[[nodiscard]] double area_under_curve(std::span<const double> positives,
                                      std::span<const double> negatives);
// Hanley and McNeil, Radiology 143:29, 1982. Either side empty: [0, 1].
[[nodiscard]] Interval area_interval(double area, std::size_t positives, std::size_t negatives);
// Share of positives above the smallest bar that lets at most `false_share` of the negatives over.
[[nodiscard]] double true_positives_at(std::span<const double> positives,
                                       std::span<const double> negatives, double false_share);

// Mean structural similarity (Wang et al., IEEE TIP 13:600, 2004) of two images of the given width:
// 8 x 8 windows with stride 4, dynamic range = range of `truth`.
[[nodiscard]] double structural_similarity(std::span<const float> image,
                                           std::span<const float> truth, std::size_t width);

}  // namespace cloister::privacy
