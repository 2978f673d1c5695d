// Small statistics for the admission gate. Pure.
#pragma once

#include <cstddef>
#include <span>

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

// Mean structural similarity (Wang et al., IEEE TIP 13:600, 2004) of two images of the given width:
// 8 x 8 windows with stride 4, dynamic range = range of `truth`.
[[nodiscard]] double structural_similarity(std::span<const float> image,
                                           std::span<const float> truth, std::size_t width);

}  // namespace cloister::privacy
