// The ITK filters that we use, behind plain arrays. Inside of imaging/.
#pragma once

#include <cstdint>
#include <vector>

#include "base/result.h"
#include "imaging/volume.h"

namespace cloister::imaging {

// A regular grid in millimetres: where its first voxel's centre lies, along each axis.
struct Grid {
  Size3 size;
  Vector3 spacing{1, 1, 1};
  Vector3 origin{0, 0, 0};
};

struct FloatGrid {
  Grid grid;
  std::vector<float> values;
};
struct ByteGrid {
  Grid grid;
  std::vector<std::uint8_t> values;
};

// Points of `onto` outside of the input get `outside`.
[[nodiscard]] Result<std::vector<float>> resample_linear(const FloatGrid& from, const Grid& onto,
                                                         float outside);
[[nodiscard]] Result<std::vector<std::uint8_t>> resample_nearest(const ByteGrid& from,
                                                                 const Grid& onto,
                                                                 std::uint8_t outside);

// Euclidean distance of every voxel to the nearest non-zero voxel. Needs at least one zero and one
// non-zero voxel.
[[nodiscard]] Result<std::vector<float>> distance_to_nonzero(const ByteGrid& grid);

// Component numbers from 1 (26 neighbours), 0 outside of the non-zero voxels.
[[nodiscard]] Result<std::vector<std::uint32_t>> connected_components(const ByteGrid& grid);

}  // namespace cloister::imaging
