#include "networks/augmentation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <vector>

namespace cloister::networks {
namespace {

constexpr std::size_t elastic_nodes = 7;  // a side of the grid of random displacements
constexpr double blur_chance = 0.2;
constexpr double low_resolution_chance = 0.125;

struct Point {
  float row, column;
};

// Smooth random displacements: random values on a coarse grid, blended between its nodes.
class ElasticField {
 public:
  ElasticField(double pixels, Prng& prng) : strength_(static_cast<float>(pixels * prng.uniform())) {
    for (auto& node : nodes_)
      node = {static_cast<float>(prng.uniform(-1, 1)), static_cast<float>(prng.uniform(-1, 1))};
  }
  // `row`, `column` in 0..1.
  [[nodiscard]] Point at(float row, float column) const {
    const Cell r = cell_of(row);
    const Cell c = cell_of(column);
    const auto& a = nodes_[r.first * elastic_nodes + c.first];
    const auto& b = nodes_[r.first * elastic_nodes + c.first + 1];
    const auto& d = nodes_[(r.first + 1) * elastic_nodes + c.first];
    const auto& e = nodes_[(r.first + 1) * elastic_nodes + c.first + 1];
    const auto blend = [&](float p, float q, float s, float t) {
      const float top = p + (q - p) * c.part;
      return strength_ * (top + (s + (t - s) * c.part - top) * r.part);
    };
    return {blend(a.row, b.row, d.row, e.row), blend(a.column, b.column, d.column, e.column)};
  }

 private:
  struct Cell {
    std::size_t first;
    float part;
  };
  static Cell cell_of(float place) {
    const float scaled = place * static_cast<float>(elastic_nodes - 1);
    const auto first =
        std::min(static_cast<std::size_t>(std::max(scaled, 0.0f)), elastic_nodes - 2);
    const float part = scaled - static_cast<float>(first);
    return {first, part * part * (3 - 2 * part)};
  }
  float strength_;
  std::array<Point, elastic_nodes * elastic_nodes> nodes_{};
};

// Where each output pixel comes from.
class Warp {
 public:
  Warp(const Augmentation& how, int height, int width, Prng& prng)
      : height_(height), width_(width), elastic_(how.elastic_pixels, prng) {
    const double angle = prng.uniform(-1, 1) * how.rotation_degrees * std::numbers::pi / 180;
    const double scale = 1 / (1 + prng.uniform(-1, 1) * how.scale_percent / 100);
    cosine_ = static_cast<float>(scale * std::cos(angle));
    sine_ = static_cast<float>(scale * std::sin(angle));
    shift_.row = static_cast<float>(prng.uniform(-1, 1) * how.shift_percent / 100 * height);
    shift_.column = static_cast<float>(prng.uniform(-1, 1) * how.shift_percent / 100 * width);
    const bool flip_rows = prng.chance(0.5);
    const bool flip_columns = prng.chance(0.5);
    row_sign_ = how.flips && flip_rows ? -1.0f : 1.0f;
    column_sign_ = how.flips && flip_columns ? -1.0f : 1.0f;
  }
  [[nodiscard]] Point source(int row, int column) const {
    const float middle_row = static_cast<float>(height_ - 1) / 2;
    const float middle_column = static_cast<float>(width_ - 1) / 2;
    const float r = (static_cast<float>(row) - middle_row) * row_sign_;
    const float c = (static_cast<float>(column) - middle_column) * column_sign_;
    const Point bend = elastic_.at(static_cast<float>(row) / static_cast<float>(height_),
                                   static_cast<float>(column) / static_cast<float>(width_));
    return {cosine_ * r - sine_ * c + middle_row + shift_.row + bend.row,
            sine_ * r + cosine_ * c + middle_column + shift_.column + bend.column};
  }

 private:
  int height_, width_;
  ElasticField elastic_;
  float cosine_ = 1, sine_ = 0, row_sign_ = 1, column_sign_ = 1;
  Point shift_{};
};

float sample(std::span<const float> image, int height, int width, Point at) {
  const float row = std::clamp(at.row, 0.0f, static_cast<float>(height - 1));
  const float column = std::clamp(at.column, 0.0f, static_cast<float>(width - 1));
  const int r = std::min(static_cast<int>(row), height - 2);
  const int c = std::min(static_cast<int>(column), width - 2);
  const float down = row - static_cast<float>(r);
  const float right = column - static_cast<float>(c);
  const float* p = image.data() + static_cast<std::ptrdiff_t>(r) * width + c;
  const float top = p[0] + (p[1] - p[0]) * right;
  const float bottom = p[width] + (p[width + 1] - p[width]) * right;
  return top + (bottom - top) * down;
}

std::uint8_t nearest(std::span<const std::uint8_t> labels, int height, int width, Point at) {
  const auto row = static_cast<int>(std::floor(at.row + 0.5f));
  const auto column = static_cast<int>(std::floor(at.column + 0.5f));
  if (row < 0 || column < 0 || row >= height || column >= width) return 0;
  return labels[static_cast<std::size_t>(row) * static_cast<std::size_t>(width) +
                static_cast<std::size_t>(column)];
}

// One pass of a separable Gaussian, `step` apart in memory, borders repeated.
void blur_lines(std::span<float> image, int lines, int length, std::ptrdiff_t line_step,
                std::ptrdiff_t step, const std::vector<float>& kernel) {
  const int radius = static_cast<int>(kernel.size() / 2);
  std::vector<float> line(static_cast<std::size_t>(length));
  for (int l = 0; l < lines; ++l) {
    float* start = image.data() + l * line_step;
    for (int i = 0; i < length; ++i) line[static_cast<std::size_t>(i)] = start[i * step];
    for (int i = 0; i < length; ++i) {
      float sum = 0;
      for (int k = -radius; k <= radius; ++k)
        sum += kernel[static_cast<std::size_t>(k + radius)] *
               line[static_cast<std::size_t>(std::clamp(i + k, 0, length - 1))];
      start[i * step] = sum;
    }
  }
}

void blur(std::span<float> image, int height, int width, double sigma) {
  if (sigma < 0.1) return;
  const int radius = static_cast<int>(std::ceil(3 * sigma));
  std::vector<float> kernel;
  double total = 0;
  for (int k = -radius; k <= radius; ++k) total += std::exp(-0.5 * k * k / (sigma * sigma));
  for (int k = -radius; k <= radius; ++k)
    kernel.push_back(static_cast<float>(std::exp(-0.5 * k * k / (sigma * sigma)) / total));
  blur_lines(image, height, width, width, 1, kernel);
  blur_lines(image, width, height, 1, width, kernel);
}

// As if scanned on a coarser grid and drawn up again.
void lower_resolution(std::span<float> image, int height, int width, double zoom) {
  const int rows = std::max(2, static_cast<int>(height * zoom));
  const int columns = std::max(2, static_cast<int>(width * zoom));
  std::vector<float> coarse(static_cast<std::size_t>(rows) * static_cast<std::size_t>(columns));
  const auto at = [](int i, int from, int to) {
    return (static_cast<float>(i) + 0.5f) * static_cast<float>(to) / static_cast<float>(from) -
           0.5f;
  };
  for (int r = 0; r < rows; ++r)
    for (int c = 0; c < columns; ++c)
      coarse[static_cast<std::size_t>(r * columns + c)] =
          sample(image, height, width, {at(r, rows, height), at(c, columns, width)});
  for (int r = 0; r < height; ++r)
    for (int c = 0; c < width; ++c)
      image[static_cast<std::size_t>(r * width + c)] =
          sample(coarse, rows, columns, {at(r, height, rows), at(c, width, columns)});
}

void change_gamma(std::span<float> image, double exponent) {
  const auto [low, high] = std::minmax_element(image.begin(), image.end());
  const float base = *low;
  const float range = *high - base;
  if (range <= 0) return;
  const auto power = static_cast<float>(exponent);
  for (float& value : image) value = std::pow((value - base) / range, power) * range + base;
}

// Draws the same number of random values whatever the strengths, so that switching one part off
// leaves the others as they were.
void change_intensity(const Augmentation& how, int height, int width, Prng& prng,
                      std::span<float> image) {
  const double gamma = prng.uniform(-1, 1) * how.gamma;
  const double contrast = 1 + prng.uniform(-1, 1) * how.contrast_percent / 100;
  const double brightness = prng.normal() * how.brightness;
  const double sigma = prng.uniform() * how.blur_pixels;
  const double zoom = prng.uniform(how.low_resolution, 1.0);
  const bool blurred = prng.chance(blur_chance);
  const bool lowered = prng.chance(low_resolution_chance);
  const double noise = prng.uniform() * how.noise;
  if (how.blur_pixels > 0 && blurred) blur(image, height, width, sigma);
  if (how.low_resolution > 0 && lowered) lower_resolution(image, height, width, zoom);
  if (how.gamma > 0) change_gamma(image, std::exp(gamma));
  for (float& value : image)
    value = static_cast<float>(static_cast<double>(value) * contrast + brightness);
  if (noise > 0)
    for (float& value : image) value += static_cast<float>(noise * prng.normal());
}

}  // namespace

Augmentation no_augmentation() { return {0, 0, 0, 0, false, 0, 0, 0, 0, 0, 0}; }

Augmentation spatial_only(const Augmentation& augmentation) {
  Augmentation only = no_augmentation();
  only.rotation_degrees = augmentation.rotation_degrees;
  only.scale_percent = augmentation.scale_percent;
  only.shift_percent = augmentation.shift_percent;
  only.elastic_pixels = augmentation.elastic_pixels;
  only.flips = augmentation.flips;
  return only;
}

void augment(const Augmentation& how, int height, int width, Prng& prng, const SliceView& in,
             const SliceOut& out) {
  const Warp warp(how, height, width, prng);
  std::size_t i = 0;
  for (int row = 0; row < height; ++row)
    for (int column = 0; column < width; ++column, ++i) {
      const Point from = warp.source(row, column);
      if (!in.image.empty()) out.image[i] = sample(in.image, height, width, from);
      if (!in.labels.empty()) out.labels[i] = nearest(in.labels, height, width, from);
    }
  if (!in.image.empty()) change_intensity(how, height, width, prng, out.image);
}

}  // namespace cloister::networks
