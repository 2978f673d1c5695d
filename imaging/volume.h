// Volumes, masks and their place in the world. Plain values: copy, compare, no formatter (they hold
// patient data, so logging one does not compile). Voxels are stored x fastest, then y, then z:
// index = x + size.x * (y + size.y * z), exactly as NIfTI stores them. No reorientation ever
// happens.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace cloister::imaging {

struct Size3 {
  std::size_t x = 0;
  std::size_t y = 0;
  std::size_t z = 0;

  [[nodiscard]] std::size_t voxels() const { return x * y * z; }
  friend bool operator==(const Size3&, const Size3&) = default;
};

using Vector3 = std::array<double, 3>;
// Rows of a 3 x 4 matrix: voxel index -> millimetres in NIfTI's RAS+ world.
using Affine = std::array<std::array<double, 4>, 3>;

// `spacing_mm` are the lengths of the affine's columns and `direction` (row-major 3 x 3, its
// columns are the axes) is the orthonormal matrix nearest to the normalised columns. `affine` is
// what the file said, kept so that whatever we write lies exactly where its image lies, oblique and
// sheared files included.
struct Geometry {
  Size3 size;
  Vector3 spacing_mm{1, 1, 1};
  Vector3 origin_mm{0, 0, 0};
  std::array<double, 9> direction{1, 0, 0, 0, 1, 0, 0, 0, 1};
  Affine affine{{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}};

  [[nodiscard]] double voxel_volume_ml() const {
    return spacing_mm[0] * spacing_mm[1] * spacing_mm[2] / 1000.0;
  }
};

// A geometry without rotation: spacing along the axes, origin at zero.
[[nodiscard]] Geometry axis_aligned(Size3 size, Vector3 spacing_mm);

// Derives spacing, origin and direction from `affine`. Columns that are not orthonormal are
// accepted and `warning` of the answer says so; a singular or non-finite affine is
// "image.bad_orientation".
struct OrientedGeometry {
  Geometry geometry;
  std::string warning;  // empty: none
};
[[nodiscard]] Result<OrientedGeometry> geometry_from_affine(Size3 size, const Affine& affine);

// Same size, and voxel corners of both within `tolerance_mm` of each other. On failure the error
// names what differs: "image.size_mismatch" or "image.orientation_mismatch".
[[nodiscard]] Result<void> same_space(const Geometry& a, const Geometry& b,
                                      double tolerance_mm = 0.1);

struct Volume {
  Geometry geometry;
  std::vector<float> voxels;          // geometry.size.voxels() of them, all finite
  std::vector<std::string> warnings;  // for people; never name a patient
};

// Class indices: 0 background, k the k-th structure of the plan (after a label map), or the file's
// own values where the reader says so.
struct Mask {
  Geometry geometry;
  std::vector<std::uint8_t> labels;
  std::vector<std::string> warnings;
};

// A 4-D file opened for its frames: what the header says, nothing read yet.
struct SeriesInfo {
  Geometry geometry;       // of one frame
  std::size_t frames = 1;  // 1 for a 3-D file
  std::vector<std::string> warnings;
};

}  // namespace cloister::imaging
