// The NIfTI-1 header (nifti1.h of the NIfTI Data Format Working Group, 2003), as far as we need it.
// Inside of imaging/.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>

#include "base/bytes.h"
#include "base/result.h"
#include "imaging/nifti.h"
#include "imaging/volume.h"

namespace cloister::imaging {

inline constexpr std::size_t nifti_header_bytes = 348;
inline constexpr std::size_t nifti_voxel_offset = 352;  // header and four bytes "no extension"

enum class NiftiType : std::int16_t {
  uint8 = 2,
  int16 = 4,
  int32 = 8,
  float32 = 16,
  float64 = 64,
  int8 = 256,
  uint16 = 512,
  uint32 = 768,
  int64 = 1024,
  uint64 = 1280,
};
// Bytes a voxel; 0 for types that we do not read (colour, complex, bits).
[[nodiscard]] std::size_t bytes_per_voxel(NiftiType type);

struct CheckedHeader {
  SeriesInfo info;
  // NaN or infinite voxels of the whole file. Counted here because ITK's reader silently turns them
  // into zeros.
  std::uint64_t not_finite = 0;
};
// Reads and checks the header, and reads once to the end of the voxels, to see that all are there.
[[nodiscard]] Result<CheckedHeader> read_checked_header(const std::filesystem::path& path,
                                                        const ReadLimits& limits);

// Header of a file that we write, with an empty extension: `nifti_voxel_offset` bytes.
[[nodiscard]] Bytes encode_header(const Geometry& geometry, std::size_t frames, NiftiType type);

}  // namespace cloister::imaging
