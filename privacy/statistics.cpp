#include "privacy/statistics.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "base/ensure.h"
#include "base/prng.h"

namespace cloister::privacy {
namespace {

constexpr double z95 = 1.959963984540054;

struct Moments {
  double mean_a = 0, mean_b = 0, var_a = 0, var_b = 0, covariance = 0;
};

// Moments of the window whose top left corner is (row, column).
Moments window_moments(std::span<const float> a, std::span<const float> b, std::size_t width,
                       std::size_t row, std::size_t column, std::size_t side) {
  Moments m;
  const auto n = static_cast<double>(side * side);
  for (std::size_t y = row; y < row + side; ++y) {
    for (std::size_t x = column; x < column + side; ++x) {
      const double va = a[y * width + x];
      const double vb = b[y * width + x];
      m.mean_a += va / n;
      m.mean_b += vb / n;
      m.var_a += va * va / n;
      m.var_b += vb * vb / n;
      m.covariance += va * vb / n;
    }
  }
  m.var_a -= m.mean_a * m.mean_a;
  m.var_b -= m.mean_b * m.mean_b;
  m.covariance -= m.mean_a * m.mean_b;
  return m;
}

}  // namespace

Interval wilson_interval(std::size_t hits, std::size_t n) {
  if (n == 0) return {0, 1};
  const auto count = static_cast<double>(n);
  const double p = static_cast<double>(hits) / count;
  const double z2 = z95 * z95;
  const double center = (p + z2 / (2 * count)) / (1 + z2 / count);
  const double half =
      z95 * std::sqrt(p * (1 - p) / count + z2 / (4 * count * count)) / (1 + z2 / count);
  return {std::max(0.0, center - half), std::min(1.0, center + half)};
}

double correlation(std::span<const float> a, std::span<const float> b) {
  ensure(a.size() == b.size(), "correlated values come in pairs");
  if (a.empty()) return 0;
  const auto n = static_cast<double>(a.size());
  double mean_a = 0;
  double mean_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    mean_a += static_cast<double>(a[i]) / n;
    mean_b += static_cast<double>(b[i]) / n;
  }
  double saa = 0;
  double sbb = 0;
  double sab = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double da = a[i] - mean_a;
    const double db = b[i] - mean_b;
    saa += da * da;
    sbb += db * db;
    sab += da * db;
  }
  return saa > 0 && sbb > 0 ? sab / std::sqrt(saa * sbb) : 0;
}

Interval correlation_interval(double r, std::size_t n) {
  if (n < 4) return {0, 1};
  const double magnitude = std::min(std::abs(r), 0.999999);
  const double z = std::atanh(magnitude);
  const double half = z95 / std::sqrt(static_cast<double>(n) - 3);
  return {std::max(0.0, std::tanh(z - half)), std::min(1.0, std::tanh(z + half))};
}

Interval cluster_interval(std::span<const std::int64_t> group_of_row, const RowStatistic& statistic,
                          const Interval& range, std::uint64_t seed) {
  std::map<std::int64_t, std::vector<std::size_t>> by_group;
  for (std::size_t row = 0; row < group_of_row.size(); ++row) {
    by_group[group_of_row[row]].push_back(row);
  }
  if (by_group.size() < 2) return range;
  std::vector<const std::vector<std::size_t>*> groups;
  for (const auto& [group, rows] : by_group) groups.push_back(&rows);
  constexpr std::size_t resamples = 400;
  Prng prng(seed);
  std::vector<double> values;
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < resamples; ++i) {
    rows.clear();
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const auto& drawn = *groups[prng.below(groups.size())];
      rows.insert(rows.end(), drawn.begin(), drawn.end());
    }
    values.push_back(statistic(rows));
  }
  std::sort(values.begin(), values.end());
  return {values[resamples / 40], values[resamples - 1 - resamples / 40]};
}

double area_under_curve(std::span<const double> positives, std::span<const double> negatives) {
  if (positives.empty() || negatives.empty()) return 0.5;
  std::vector<double> sorted(negatives.begin(), negatives.end());
  std::sort(sorted.begin(), sorted.end());
  double sum = 0;
  for (const double score : positives) {
    const auto below = std::lower_bound(sorted.begin(), sorted.end(), score) - sorted.begin();
    const auto upto = std::upper_bound(sorted.begin(), sorted.end(), score) - sorted.begin();
    sum += (static_cast<double>(below) + static_cast<double>(upto)) / 2;
  }
  return sum / static_cast<double>(positives.size()) / static_cast<double>(negatives.size());
}

Interval area_interval(double area, std::size_t positives, std::size_t negatives) {
  if (positives == 0 || negatives == 0) return {0, 1};
  const auto p = static_cast<double>(positives);
  const auto n = static_cast<double>(negatives);
  const double q1 = area / (2 - area);
  const double q2 = 2 * area * area / (1 + area);
  const double squared = area * area;
  const double variance =
      (area * (1 - area) + (p - 1) * (q1 - squared) + (n - 1) * (q2 - squared)) / (p * n);
  // A perfect area has no variance of its own; one wrongly ordered pair is always possible.
  const double half = z95 * std::sqrt(std::max(variance, 1 / (4 * p * n)));
  return {std::max(0.0, area - half), std::min(1.0, area + half)};
}

double true_positives_at(std::span<const double> positives, std::span<const double> negatives,
                         double false_share) {
  if (positives.empty()) return 0;
  std::vector<double> sorted(negatives.begin(), negatives.end());
  std::sort(sorted.begin(), sorted.end(), std::greater<>());
  const auto allowed = static_cast<std::size_t>(false_share * static_cast<double>(sorted.size()));
  const double bar = allowed < sorted.size() ? sorted[allowed] : -HUGE_VAL;
  const auto over = std::count_if(positives.begin(), positives.end(),
                                  [bar](double score) { return score > bar; });
  return static_cast<double>(over) / static_cast<double>(positives.size());
}

double structural_similarity(std::span<const float> image, std::span<const float> truth,
                             std::size_t width) {
  ensure(image.size() == truth.size() && width > 0 && image.size() % width == 0,
         "two images of one size");
  const std::size_t height = image.size() / width;
  const std::size_t side = std::min<std::size_t>({8, width, height});
  const auto [low, high] = std::minmax_element(truth.begin(), truth.end());
  const double range = std::max(1e-6, static_cast<double>(*high) - static_cast<double>(*low));
  const double c1 = 0.01 * 0.01 * range * range;
  const double c2 = 0.03 * 0.03 * range * range;
  double sum = 0;
  std::size_t windows = 0;
  for (std::size_t row = 0; row + side <= height; row += 4) {
    for (std::size_t column = 0; column + side <= width; column += 4) {
      const Moments m = window_moments(image, truth, width, row, column, side);
      sum += (2 * m.mean_a * m.mean_b + c1) * (2 * m.covariance + c2) /
             ((m.mean_a * m.mean_a + m.mean_b * m.mean_b + c1) * (m.var_a + m.var_b + c2));
      ++windows;
    }
  }
  return sum / static_cast<double>(windows);
}

}  // namespace cloister::privacy
