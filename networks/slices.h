// What enters and leaves the networks, as plain values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/result.h"

namespace cloister::networks {

// Row-major floats; the product of `shape` is data.size().
struct FloatTensor {
  std::vector<std::int64_t> shape;
  std::vector<float> data;
};

// Preprocessed slices (resampled, normalised, cropped or padded to one size). Height and width are
// multiples of 16. `volume` and `patient` number the volume and the patient of each slice within
// this set; structures are scored per volume, splits are made by patient.
struct SliceSet {
  int height = 0;
  int width = 0;
  std::vector<float> images;          // [N, 1, height, width], z-scored
  std::vector<std::uint8_t> labels;   // [N, height, width]; 0 background, 1..K; empty: unknown
  std::vector<std::int64_t> volume;   // [N]
  std::vector<std::int64_t> patient;  // [N]

  [[nodiscard]] std::size_t size() const { return volume.size(); }
  [[nodiscard]] std::size_t pixels() const {
    return static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
  }
};

// Sizes agree, dimensions are multiples of 16, labels (where present) are at most `structures`,
// intensities are finite. Errors: Kind::invalid, "slices.<what>".
[[nodiscard]] Result<void> check_slices(const SliceSet& slices, int structures);
// The slices whose patient is in `patients`, in order.
[[nodiscard]] SliceSet slices_of_patients(const SliceSet& slices,
                                          const std::vector<std::int64_t>& patients);
[[nodiscard]] SliceSet slices_at(const SliceSet& slices, const std::vector<std::size_t>& indices);

}  // namespace cloister::networks
