// Reading and writing NIfTI (.nii, .nii.gz; NIfTI-1 and NIfTI-2).
//
// The header is checked by us before any allocation (size limits, data type, orientation); voxels
// come through ITK, with scl_slope and scl_inter applied. Orientation follows the rule of other
// readers: sform if its code is set, else qform, else spacing only. Nothing throws.
//
// Stable error codes: image.missing, image.empty, image.not_nifti, image.truncated,
// image.two_dimensional, image.four_dimensional, image.frame_out_of_range, image.too_large,
// image.unsupported_type, image.bad_orientation, image.not_finite, image.constant,
// image.unreadable, mask.not_integer, mask.value_out_of_range.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "imaging/volume.h"

namespace cloister::imaging {

// Checked against the header, before memory is asked for.
struct ReadLimits {
  std::size_t axis_voxels_max = 4096;           // no cardiac axis is longer
  std::size_t frame_voxels_max = 256ULL << 20;  // one frame: 1 GiB of floats
  std::size_t frames_max = 1024;
};

// Header only. Works for 3-D and 4-D files.
[[nodiscard]] Result<SeriesInfo> read_info(const std::filesystem::path& path,
                                           const ReadLimits& limits = {});

// A 3-D image (a 4-D file with one frame counts as 3-D). Refuses NaN or infinite voxels and
// constant images.
[[nodiscard]] Result<Volume> read_volume(const std::filesystem::path& path,
                                         const ReadLimits& limits = {});
// One frame of a 4-D image, counted from 0; of a 3-D image only frame 0.
[[nodiscard]] Result<Volume> read_frame(const std::filesystem::path& path, std::size_t frame,
                                        const ReadLimits& limits = {});
// Several frames, in the order asked for.
[[nodiscard]] Result<std::vector<Volume>> read_frames(const std::filesystem::path& path,
                                                      std::span<const std::size_t> frames,
                                                      const ReadLimits& limits = {});

// The file's own label values. Float files are accepted where every voxel is a whole number of
// 0..255.
[[nodiscard]] Result<Mask> read_mask(const std::filesystem::path& path,
                                     const ReadLimits& limits = {});
[[nodiscard]] Result<Mask> read_mask_frame(const std::filesystem::path& path, std::size_t frame,
                                           const ReadLimits& limits = {});

// A gzip-compressed NIfTI-1 file in memory, with the geometry's affine as sform and its orthonormal
// part as qform. Deterministic: equal inputs give equal bytes.
[[nodiscard]] Result<Bytes> mask_to_nifti(const Mask& mask);
[[nodiscard]] Result<Bytes> volume_to_nifti(const Volume& volume);
// Several frames of one geometry as a 4-D file (M&Ms has such).
[[nodiscard]] Result<Bytes> frames_to_nifti(std::span<const Volume> frames);

// The same to a file, atomically (write_file of base/).
[[nodiscard]] Result<void> write_mask(const std::filesystem::path& path, const Mask& mask);
[[nodiscard]] Result<void> write_volume(const std::filesystem::path& path, const Volume& volume);

}  // namespace cloister::imaging
