// NIfTI in memory. ITK writes to files only, and would replace a sheared orientation by an
// orthonormal one: the mask would no longer lie on its image. So the 348 bytes are ours.
#include <zlib.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/ensure.h"
#include "base/file.h"
#include "imaging/nifti_header.h"

namespace cloister::imaging {
namespace {

Result<Bytes> compressed(BytesView plain) {
  z_stream stream{};
  constexpr int gzip_window = 15 + 16;
  constexpr int level = 6;
  ensure(deflateInit2(&stream, level, Z_DEFLATED, gzip_window, 8, Z_DEFAULT_STRATEGY) == Z_OK,
         "zlib starts");
  Bytes out(deflateBound(&stream, plain.size()));
  stream.next_in = const_cast<Bytef*>(plain.data());
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const int status = deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  ensure(status == Z_STREAM_END, "deflateBound is enough");
  return out;
}

Result<void> check_writable(const Geometry& geometry, std::size_t frames, std::size_t values) {
  ensure(geometry.size.voxels() * frames == values, "as many voxels as the geometry says");
  const auto longest = std::max({geometry.size.x, geometry.size.y, geometry.size.z, frames});
  if (values == 0 || longest > 32767 || values > (400ULL << 20)) {
    return fail(Kind::invalid, "image.too_large", "The volume does not fit a NIfTI-1 file.",
                "Write smaller volumes.");
  }
  return {};
}

template <class T>
void append_values(Bytes& to, std::span<const float> values) {
  const std::size_t start = to.size();
  to.resize(start + values.size() * sizeof(T));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const T value = static_cast<T>(values[i]);
    std::memcpy(to.data() + start + i * sizeof(T), &value, sizeof(T));
  }
}

bool fits_int16(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(),
                     [](float v) { return v >= -32768.0F && v <= 32767.0F && v == std::round(v); });
}

}  // namespace

Result<Bytes> mask_to_nifti(const Mask& mask) {
  if (auto ok = check_writable(mask.geometry, 1, mask.labels.size()); !ok) return pass(ok);
  Bytes plain = encode_header(mask.geometry, 1, NiftiType::uint8);
  append(plain, mask.labels);
  return compressed(plain);
}

Result<Bytes> frames_to_nifti(std::span<const Volume> frames) {
  ensure(!frames.empty(), "at least one frame");
  const Geometry& geometry = frames.front().geometry;
  std::size_t values = 0;
  bool whole_numbers = true;
  for (const Volume& frame : frames) {
    ensure(frame.geometry.size == geometry.size, "frames of one size");
    values += frame.voxels.size();
    whole_numbers = whole_numbers && fits_int16(frame.voxels);
  }
  if (auto ok = check_writable(geometry, frames.size(), values); !ok) return pass(ok);
  Bytes plain =
      encode_header(geometry, frames.size(), whole_numbers ? NiftiType::int16 : NiftiType::float32);
  for (const Volume& frame : frames) {
    if (whole_numbers) {
      append_values<std::int16_t>(plain, frame.voxels);
    } else {
      append_values<float>(plain, frame.voxels);
    }
  }
  return compressed(plain);
}

Result<Bytes> volume_to_nifti(const Volume& volume) {
  return frames_to_nifti(std::span(&volume, 1));
}

Result<void> write_mask(const std::filesystem::path& path, const Mask& mask) {
  const auto bytes = mask_to_nifti(mask);
  if (!bytes) return pass(bytes);
  return write_file(path, *bytes);
}

Result<void> write_volume(const std::filesystem::path& path, const Volume& volume) {
  const auto bytes = volume_to_nifti(volume);
  if (!bytes) return pass(bytes);
  return write_file(path, *bytes);
}

}  // namespace cloister::imaging
