#include "imaging/volume.h"

#include <fmt/format.h>

#include <cmath>

namespace cloister::imaging {
namespace {

using Matrix3 = std::array<double, 9>;  // row-major

double determinant(const Matrix3& m) {
  return m[0] * (m[4] * m[8] - m[5] * m[7]) - m[1] * (m[3] * m[8] - m[5] * m[6]) +
         m[2] * (m[3] * m[7] - m[4] * m[6]);
}

Matrix3 inverse_transposed(const Matrix3& m) {
  const double d = determinant(m);
  return {(m[4] * m[8] - m[5] * m[7]) / d, (m[5] * m[6] - m[3] * m[8]) / d,
          (m[3] * m[7] - m[4] * m[6]) / d, (m[2] * m[7] - m[1] * m[8]) / d,
          (m[0] * m[8] - m[2] * m[6]) / d, (m[1] * m[6] - m[0] * m[7]) / d,
          (m[1] * m[5] - m[2] * m[4]) / d, (m[2] * m[3] - m[0] * m[5]) / d,
          (m[0] * m[4] - m[1] * m[3]) / d};
}

// The orthonormal matrix nearest to m: Newton's iteration for the polar factor (Higham 1986).
Matrix3 nearest_orthonormal(Matrix3 m) {
  for (int iteration = 0; iteration < 50; ++iteration) {
    const Matrix3 other = inverse_transposed(m);
    double change = 0;
    for (std::size_t i = 0; i < 9; ++i) {
      const double next = 0.5 * (m[i] + other[i]);
      change = std::max(change, std::abs(next - m[i]));
      m[i] = next;
    }
    if (change < 1e-14) break;
  }
  return m;
}

Vector3 to_world(const Affine& affine, double x, double y, double z) {
  Vector3 world{};
  for (std::size_t row = 0; row < 3; ++row) {
    const auto& r = affine[row];
    world[row] = r[0] * x + r[1] * y + r[2] * z + r[3];
  }
  return world;
}

bool all_finite(const Affine& affine) {
  for (const auto& row : affine) {
    for (double value : row) {
      if (!std::isfinite(value)) return false;
    }
  }
  return true;
}

}  // namespace

Geometry axis_aligned(Size3 size, Vector3 spacing_mm) {
  Geometry geometry;
  geometry.size = size;
  geometry.spacing_mm = spacing_mm;
  for (std::size_t axis = 0; axis < 3; ++axis) geometry.affine[axis][axis] = spacing_mm[axis];
  return geometry;
}

Result<OrientedGeometry> geometry_from_affine(Size3 size, const Affine& affine) {
  OrientedGeometry answer;
  Geometry& geometry = answer.geometry;
  geometry.size = size;
  geometry.affine = affine;
  Matrix3 columns{};
  bool usable = all_finite(affine);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    double length = 0;
    for (std::size_t row = 0; row < 3; ++row) length += affine[row][axis] * affine[row][axis];
    length = std::sqrt(length);
    usable = usable && length > 1e-6 && length < 1e4;
    geometry.spacing_mm[axis] = length;
    geometry.origin_mm[axis] = affine[axis][3];
    for (std::size_t row = 0; row < 3; ++row) columns[3 * row + axis] = affine[row][axis] / length;
  }
  if (!usable || std::abs(determinant(columns)) < 1e-3) {
    return fail(Kind::invalid, "image.bad_orientation",
                "The header's orientation is singular: its axes do not span space.",
                "Export the image again with a valid sform or qform.");
  }
  geometry.direction = nearest_orthonormal(columns);
  double off = 0;
  for (std::size_t i = 0; i < 9; ++i) {
    off = std::max(off, std::abs(geometry.direction[i] - columns[i]));
  }
  if (off > 1e-3) {
    answer.warning = fmt::format(
        "The direction cosines are not orthonormal (off by {:.3f}); distances are measured along "
        "the axes and masks are written with the file's own orientation.",
        off);
  }
  return answer;
}

Result<void> same_space(const Geometry& a, const Geometry& b, double tolerance_mm) {
  if (a.size != b.size) {
    return fail(Kind::invalid, "image.size_mismatch",
                fmt::format("The sizes differ: {} x {} x {} and {} x {} x {} voxels.", a.size.x,
                            a.size.y, a.size.z, b.size.x, b.size.y, b.size.z),
                "Image and mask must be drawn on the same grid.");
  }
  double off = 0;
  for (int corner = 0; corner < 8; ++corner) {
    const double x = (corner & 1) != 0 ? static_cast<double>(a.size.x) : 0.0;
    const double y = (corner & 2) != 0 ? static_cast<double>(a.size.y) : 0.0;
    const double z = (corner & 4) != 0 ? static_cast<double>(a.size.z) : 0.0;
    const Vector3 p = to_world(a.affine, x, y, z);
    const Vector3 q = to_world(b.affine, x, y, z);
    off = std::max(off, std::hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]));
  }
  if (off > tolerance_mm) {
    return fail(Kind::invalid, "image.orientation_mismatch",
                fmt::format("Equal sizes, but the same voxel lies up to {:.1f} mm apart.", off),
                "Image and mask must share origin, spacing and orientation.");
  }
  return {};
}

}  // namespace cloister::imaging
