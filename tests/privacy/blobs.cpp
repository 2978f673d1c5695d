#include "tests/privacy/blobs.h"

#include <cmath>

#include "base/prng.h"

namespace cloister::privacy::testing {

using networks::FloatTensor;
using networks::SliceSet;

SliceSet blobs(std::size_t patients, std::uint64_t seed) {
  SliceSet slices;
  slices.height = side;
  slices.width = side;
  for (std::size_t patient = 0; patient < patients; ++patient) {
    for (int slice = 0; slice < 3; ++slice) {
      Prng prng(seed * 1000 + patient * 10 + static_cast<std::uint64_t>(slice));
      std::vector<double> x, y, weight;
      for (int b = 0; b < 6; ++b) {
        x.push_back(prng.uniform(8, 40));
        y.push_back(prng.uniform(8, 40));
        weight.push_back(prng.uniform(-2, 2));
      }
      for (int row = 0; row < side; ++row) {
        for (int column = 0; column < side; ++column) {
          double value = 0;
          for (std::size_t b = 0; b < x.size(); ++b) {
            value +=
                weight[b] * std::exp(-(std::pow(row - y[b], 2) + std::pow(column - x[b], 2)) / 60);
          }
          slices.images.push_back(static_cast<float>(value));
          slices.labels.push_back(value > 0.4 ? 1 : 0);
        }
      }
      slices.volume.push_back(static_cast<std::int64_t>(patient));
      slices.patient.push_back(static_cast<std::int64_t>(patient + seed * 100));
    }
  }
  return slices;
}

FloatTensor as_images(const SliceSet& slices) {
  return {{static_cast<std::int64_t>(slices.size()), 1, side, side}, slices.images};
}

FloatTensor identity_codes(const SliceSet& slices) {
  FloatTensor codes{{static_cast<std::int64_t>(slices.size()), 256, grid, grid}, {}};
  for (std::size_t n = 0; n < slices.size(); ++n) {
    for (std::size_t c = 0; c < 256; ++c) {
      for (std::size_t cell = 0; cell < grid * grid; ++cell) {
        const std::size_t row = cell / grid * 16 + c / 16;
        const std::size_t column = cell % grid * 16 + c % 16;
        codes.data.push_back(slices.images[n * side * side + row * side + column]);
      }
    }
  }
  return codes;
}

FloatTensor coarse_codes(const SliceSet& slices) {
  FloatTensor codes{{static_cast<std::int64_t>(slices.size()), 16, grid, grid}, {}};
  const auto quarter_mean = [&](std::size_t n, std::size_t top, std::size_t left) {
    double sum = 0;
    for (std::size_t y = top; y < top + 8; ++y) {
      for (std::size_t x = left; x < left + 8; ++x) {
        sum += static_cast<double>(slices.images[n * side * side + y * side + x]) / 64;
      }
    }
    return sum;
  };
  for (std::size_t n = 0; n < slices.size(); ++n) {
    for (std::size_t c = 0; c < 16; ++c) {
      for (std::size_t cell = 0; cell < grid * grid; ++cell) {
        const std::size_t quarter = c / 4;
        const double mean =
            quarter_mean(n, cell / grid * 16 + quarter / 2 * 8, cell % grid * 16 + quarter % 2 * 8);
        // Rectified at four heights: their distributions differ, so each can be told.
        codes.data.push_back(
            static_cast<float>(std::max(0.0, mean + 0.5 - 0.3 * static_cast<double>(c % 4))));
      }
    }
  }
  standardise(codes);
  return codes;
}

FloatTensor noise_codes(std::size_t n, std::uint64_t seed) {
  Prng prng(seed);
  FloatTensor codes{{static_cast<std::int64_t>(n), 32, grid, grid}, {}};
  codes.data.resize(n * 32 * grid * grid);
  for (float& value : codes.data) value = static_cast<float>(prng.normal());
  return codes;
}

void standardise(FloatTensor& codes) {
  const auto channels = static_cast<std::size_t>(codes.shape[1]);
  const auto area = static_cast<std::size_t>(codes.shape[2] * codes.shape[3]);
  for (std::size_t c = 0; c < channels; ++c) {
    double sum = 0;
    double squares = 0;
    double count = 0;
    const auto each = [&](auto&& visit) {
      for (std::size_t i = 0; i < codes.data.size(); ++i) {
        if (i / area % channels == c) visit(codes.data[i]);
      }
    };
    each([&](float value) {
      sum += static_cast<double>(value);
      squares += static_cast<double>(value) * static_cast<double>(value);
      count += 1;
    });
    const double mean = sum / count;
    const double deviation = std::sqrt(std::max(1e-9, squares / count - mean * mean));
    each([&](float& value) {
      value = static_cast<float>((static_cast<double>(value) - mean) / deviation);
    });
  }
}

}  // namespace cloister::privacy::testing
