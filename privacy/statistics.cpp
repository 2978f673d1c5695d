#include "privacy/statistics.h"

#include <algorithm>
#include <cmath>

#include "base/ensure.h"

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
