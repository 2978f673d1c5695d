#include "imaging/nifti_header.h"

#include <fmt/format.h>
#include <zlib.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <optional>
#include <system_error>

namespace cloister::imaging {
namespace {

static_assert(std::endian::native == std::endian::little);

// Byte offsets of the fields in a NIfTI-1 header.
namespace at {
constexpr std::size_t header_size = 0, dim = 40, datatype = 70, bits = 72, pixdim = 76,
                      voxel_offset = 108, slope = 112, intercept = 116, units = 123,
                      qform_code = 252, sform_code = 254, quaternion = 256, qoffset = 268,
                      sform = 280, magic = 344;
}

class Fields {
 public:
  Fields(BytesView bytes, bool swapped) : bytes_(bytes), swapped_(swapped) {}
  template <class T>
  [[nodiscard]] T get(std::size_t offset) const {
    std::array<std::uint8_t, sizeof(T)> raw{};
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      raw[swapped_ ? sizeof(T) - 1 - i : i] = bytes_[offset + i];
    }
    return std::bit_cast<T>(raw);
  }
  [[nodiscard]] double real(std::size_t offset) const { return get<float>(offset); }

 private:
  BytesView bytes_;
  bool swapped_;
};

template <class T>
void put(Bytes& bytes, std::size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof(T));
}
void put_real(Bytes& bytes, std::size_t offset, double value) {
  put(bytes, offset, static_cast<float>(value));
}

tl::unexpected<Error> refuse(std::string_view code, std::string what, std::string next) {
  return fail(Kind::invalid, code, std::move(what), std::move(next));
}
tl::unexpected<Error> not_nifti() {
  return refuse("image.not_nifti", "This is not a NIfTI-1 file (.nii or .nii.gz).",
                "Convert the image to NIfTI-1, for example with dcm2niix.");
}
tl::unexpected<Error> truncated() {
  return fail(Kind::corrupt, "image.truncated", "The file ends before its voxels do.",
              "Copy the file again from its source.");
}

// Plain files are read through the same calls: gzread passes uncompressed bytes on.
class ZipReader {
 public:
  explicit ZipReader(const std::filesystem::path& path) : file_(gzopen(path.c_str(), "rb")) {}
  ~ZipReader() {
    if (file_ != nullptr) gzclose(file_);
  }
  ZipReader(const ZipReader&) = delete;
  ZipReader& operator=(const ZipReader&) = delete;
  [[nodiscard]] bool is_open() const { return file_ != nullptr; }
  [[nodiscard]] std::size_t read(std::span<std::uint8_t> into) {
    const int got = gzread(file_, into.data(), static_cast<unsigned>(into.size()));
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  // Reads `count` bytes and hands them on in pieces of whole words; false: they are not there.
  template <class Visit>
  [[nodiscard]] bool read_all(std::uint64_t count, Visit visit) {
    Bytes buffer(256 << 10);
    while (count > 0) {
      const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(count, buffer.size()));
      std::size_t filled = 0;
      while (filled < want) {
        const std::size_t got = read(std::span(buffer).subspan(filled, want - filled));
        if (got == 0) return false;
        filled += got;
      }
      visit(BytesView(buffer).first(want));
      count -= want;
    }
    return true;
  }

 private:
  gzFile file_;
};

Affine affine_from_sform(const Fields& fields) {
  Affine affine{};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 4; ++column) {
      affine[row][column] = fields.real(at::sform + 16 * row + 4 * column);
    }
  }
  return affine;
}

Affine affine_from_qform(const Fields& fields) {
  const double b = fields.real(at::quaternion);
  const double c = fields.real(at::quaternion + 4);
  const double d = fields.real(at::quaternion + 8);
  const double a = std::sqrt(std::max(0.0, 1.0 - (b * b + c * c + d * d)));
  const double handed = fields.real(at::pixdim) < 0 ? -1.0 : 1.0;
  const std::array<double, 3> spacing{std::abs(fields.real(at::pixdim + 4)),
                                      std::abs(fields.real(at::pixdim + 8)),
                                      handed * std::abs(fields.real(at::pixdim + 12))};
  const std::array<std::array<double, 3>, 3> r{
      {{a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)},
       {2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)},
       {2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c}}};
  Affine affine{};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t column = 0; column < 3; ++column) {
      affine[row][column] = r[row][column] * spacing[column];
    }
    affine[row][3] = fields.real(at::qoffset + 4 * row);
  }
  return affine;
}

Affine affine_from_spacing(const Fields& fields) {
  Affine affine{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const double spacing = std::abs(fields.real(at::pixdim + 4 + 4 * axis));
    affine[axis][axis] = spacing > 0 ? spacing : 1.0;
  }
  return affine;
}

Result<OrientedGeometry> read_geometry(const Fields& fields, Size3 size) {
  Affine affine{};
  std::string warning;
  if (fields.get<std::int16_t>(at::sform_code) > 0) {
    affine = affine_from_sform(fields);
  } else if (fields.get<std::int16_t>(at::qform_code) > 0) {
    affine = affine_from_qform(fields);
  } else {
    affine = affine_from_spacing(fields);
    warning = "The header states no orientation; the voxel grid is taken as the world.";
  }
  const int unit = fields.get<std::uint8_t>(at::units) & 7;
  const double to_mm = unit == 1 ? 1000.0 : unit == 3 ? 0.001 : 1.0;
  for (auto& row : affine) {
    for (double& value : row) value *= to_mm;
  }
  auto geometry = geometry_from_affine(size, affine);
  if (geometry && geometry->warning.empty()) geometry->warning = warning;
  return geometry;
}

struct Dimensions {
  Size3 size;
  std::size_t frames = 1;
};

Result<Dimensions> read_dimensions(const Fields& fields, const ReadLimits& limits) {
  const int count = fields.get<std::int16_t>(at::dim);
  if (count < 1 || count > 7) return not_nifti();
  std::array<std::int64_t, 8> dim{};
  for (std::size_t i = 1; i <= 7; ++i) {
    dim[i] = i <= static_cast<std::size_t>(count)
                 ? std::int64_t{fields.get<std::int16_t>(at::dim + 2 * i)}
                 : 1;
    if (dim[i] < 1) {
      return refuse("image.empty",
                    fmt::format("The header says {} voxels along axis {}.", dim[i], i),
                    "Export the image again.");
    }
  }
  if (dim[5] * dim[6] * dim[7] != 1) {
    return refuse("image.unsupported_type", "The image has more than four dimensions.",
                  "Export scalar 3-D or 4-D images.");
  }
  const auto at_index = [&](std::size_t i) { return static_cast<std::size_t>(dim[i]); };
  const Dimensions found{{at_index(1), at_index(2), at_index(3)}, at_index(4)};
  if (found.size.x == 1 || found.size.y == 1 || found.size.z == 1) {
    return refuse("image.two_dimensional",
                  fmt::format("The image is {} x {} x {} voxels: a single slice, not a volume.",
                              dim[1], dim[2], dim[3]),
                  "Stack the slices of a patient into one volume.");
  }
  const auto longest = std::max({found.size.x, found.size.y, found.size.z});
  if (longest > limits.axis_voxels_max || found.size.voxels() > limits.frame_voxels_max ||
      found.frames > limits.frames_max) {
    return fail(Kind::exhausted, "image.too_large",
                fmt::format("The header says {} x {} x {} voxels and {} frames, more than allowed.",
                            dim[1], dim[2], dim[3], dim[4]),
                "Check the header; no cardiac image is that large.");
  }
  return found;
}

Result<bool> is_swapped(BytesView header) {
  const bool magic = std::memcmp(header.data() + at::magic, "n+1\0", 4) == 0;
  const auto plain = Fields(header, false).get<std::int32_t>(at::header_size);
  const auto swapped = Fields(header, true).get<std::int32_t>(at::header_size);
  if (plain == 540 || swapped == 540) {
    return fail(Kind::unsupported, "image.unsupported_type", "This is a NIfTI-2 file.",
                "Convert it to NIfTI-1, which holds every clinical image.");
  }
  if (!magic || (plain != nifti_header_bytes && swapped != nifti_header_bytes)) return not_nifti();
  return swapped == nifti_header_bytes;
}

Result<void> check_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (error || !std::filesystem::exists(status)) {
    return fail(Kind::not_found, "image.missing", "The file is not there or cannot be opened.",
                "Check the name and the permissions.");
  }
  const bool regular = std::filesystem::is_regular_file(status);
  if (regular && std::filesystem::file_size(path, error) == 0) {
    return refuse("image.empty", "The file is empty.", "Copy the file again from its source.");
  }
  const std::string name = path.filename().string();
  if (!regular || !(name.ends_with(".nii") || name.ends_with(".nii.gz"))) return not_nifti();
  return {};
}

// All exponent bits set: NaN or infinity (IEEE 754).
std::uint64_t count_not_finite(BytesView words, NiftiType type, bool swapped) {
  const Fields fields(words, swapped);
  std::uint64_t count = 0;
  if (type == NiftiType::float32) {
    constexpr std::uint32_t exponent = 0x7f800000U;
    for (std::size_t i = 0; i + 4 <= words.size(); i += 4) {
      count += (fields.get<std::uint32_t>(i) & exponent) == exponent ? 1 : 0;
    }
  } else if (type == NiftiType::float64) {
    constexpr std::uint64_t exponent = 0x7ff0000000000000ULL;
    for (std::size_t i = 0; i + 8 <= words.size(); i += 8) {
      count += (fields.get<std::uint64_t>(i) & exponent) == exponent ? 1 : 0;
    }
  }
  return count;
}

// A rotation with determinant 1 as the quaternion's b, c, d (a >= 0).
std::array<double, 3> quaternion_from(const std::array<double, 9>& r) {
  const double a = 0.5 * std::sqrt(std::max(0.0, 1 + r[0] + r[4] + r[8]));
  if (a > 0.25) {
    return {(r[7] - r[5]) / (4 * a), (r[2] - r[6]) / (4 * a), (r[3] - r[1]) / (4 * a)};
  }
  // The largest of b, c, d is found from the diagonal, the others from it.
  std::array<double, 3> q{0.5 * std::sqrt(std::max(0.0, 1 + r[0] - r[4] - r[8])),
                          0.5 * std::sqrt(std::max(0.0, 1 - r[0] + r[4] - r[8])),
                          0.5 * std::sqrt(std::max(0.0, 1 - r[0] - r[4] + r[8]))};
  double real = 0;
  if (q[0] >= q[1] && q[0] >= q[2]) {
    q = {q[0], (r[1] + r[3]) / (4 * q[0]), (r[2] + r[6]) / (4 * q[0])};
    real = r[7] - r[5];
  } else if (q[1] >= q[2]) {
    q = {(r[1] + r[3]) / (4 * q[1]), q[1], (r[5] + r[7]) / (4 * q[1])};
    real = r[2] - r[6];
  } else {
    q = {(r[2] + r[6]) / (4 * q[2]), (r[5] + r[7]) / (4 * q[2]), q[2]};
    real = r[3] - r[1];
  }
  if (real < 0) return {-q[0], -q[1], -q[2]};
  return q;
}

}  // namespace

std::size_t bytes_per_voxel(NiftiType type) {
  switch (type) {
    case NiftiType::uint8:
    case NiftiType::int8:
      return 1;
    case NiftiType::int16:
    case NiftiType::uint16:
      return 2;
    case NiftiType::int32:
    case NiftiType::uint32:
    case NiftiType::float32:
      return 4;
    case NiftiType::int64:
    case NiftiType::uint64:
    case NiftiType::float64:
      return 8;
  }
  return 0;
}

Result<CheckedHeader> read_checked_header(const std::filesystem::path& path,
                                          const ReadLimits& limits) {
  if (auto checked = check_file(path); !checked) return pass(std::move(checked));
  ZipReader file(path);
  if (!file.is_open()) {
    return fail(Kind::not_found, "image.missing", "The file cannot be opened.",
                "Check its permissions.");
  }
  Bytes header(nifti_header_bytes);
  if (file.read(header) != header.size()) return not_nifti();
  const auto swapped = is_swapped(header);
  if (!swapped) return pass(swapped);
  const Fields fields(header, *swapped);
  const auto dimensions = read_dimensions(fields, limits);
  if (!dimensions) return pass(dimensions);
  const auto type = static_cast<NiftiType>(fields.get<std::int16_t>(at::datatype));
  const std::size_t voxel_bytes = bytes_per_voxel(type);
  if (voxel_bytes == 0) {
    return refuse("image.unsupported_type",
                  "The voxels are not plain numbers (colour, complex...).",
                  "Export scalar images.");
  }
  auto geometry = read_geometry(fields, dimensions->size);
  if (!geometry) return pass(std::move(geometry));
  const double offset = fields.real(at::voxel_offset);
  if (!(offset >= nifti_voxel_offset && offset < (16 << 20))) return not_nifti();
  CheckedHeader checked;
  const auto ignore = [](BytesView) {};
  const auto count = [&](BytesView words) {
    checked.not_finite += count_not_finite(words, type, *swapped);
  };
  const auto gap = static_cast<std::uint64_t>(offset) - nifti_header_bytes;
  const std::uint64_t rest = dimensions->size.voxels() * dimensions->frames * voxel_bytes;
  if (!file.read_all(gap, ignore) || !file.read_all(rest, count)) return truncated();
  checked.info = {std::move(geometry->geometry), dimensions->frames, {}};
  if (!geometry->warning.empty()) checked.info.warnings.push_back(std::move(geometry->warning));
  return checked;
}

Bytes encode_header(const Geometry& geometry, std::size_t frames, NiftiType type) {
  Bytes bytes(nifti_voxel_offset, 0);
  put(bytes, at::header_size, std::int32_t{nifti_header_bytes});
  const std::array<std::size_t, 8> dim{
      frames > 1 ? 4UL : 3UL, geometry.size.x, geometry.size.y, geometry.size.z, frames, 1, 1, 1};
  for (std::size_t i = 0; i < 8; ++i) {
    put(bytes, at::dim + 2 * i, static_cast<std::int16_t>(dim[i]));
    put_real(bytes, at::pixdim + 4 * i, 1.0);
  }
  put(bytes, at::datatype, static_cast<std::int16_t>(type));
  put(bytes, at::bits, static_cast<std::int16_t>(8 * bytes_per_voxel(type)));
  put_real(bytes, at::voxel_offset, nifti_voxel_offset);
  put_real(bytes, at::slope, 1.0);
  put_real(bytes, at::intercept, 0.0);
  put(bytes, at::units, std::uint8_t{2 | 8});  // millimetres, seconds
  put(bytes, at::qform_code, std::int16_t{1});
  put(bytes, at::sform_code, std::int16_t{1});
  auto r = geometry.direction;
  const double volume = r[0] * (r[4] * r[8] - r[5] * r[7]) - r[1] * (r[3] * r[8] - r[5] * r[6]) +
                        r[2] * (r[3] * r[7] - r[4] * r[6]);
  if (volume < 0) {  // a left-handed grid: the third axis is turned, and qfac says so
    for (std::size_t row = 0; row < 3; ++row) r[3 * row + 2] = -r[3 * row + 2];
  }
  put_real(bytes, at::pixdim, volume < 0 ? -1.0 : 1.0);
  const auto q = quaternion_from(r);
  for (std::size_t axis = 0; axis < 3; ++axis) {
    put_real(bytes, at::pixdim + 4 + 4 * axis, geometry.spacing_mm[axis]);
    put_real(bytes, at::quaternion + 4 * axis, q[axis]);
    put_real(bytes, at::qoffset + 4 * axis, geometry.affine[axis][3]);
    for (std::size_t column = 0; column < 4; ++column) {
      put_real(bytes, at::sform + 16 * axis + 4 * column, geometry.affine[axis][column]);
    }
  }
  std::memcpy(bytes.data() + at::magic, "n+1\0", 4);
  return bytes;
}

}  // namespace cloister::imaging
