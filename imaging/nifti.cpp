#include "imaging/nifti.h"

#include <fmt/format.h>
#include <itkNiftiImageIO.h>

#include <algorithm>
#include <cmath>
#include <exception>

#include "base/ensure.h"
#include "imaging/nifti_header.h"

namespace cloister::imaging {
namespace {

template <class T>
void convert(const std::vector<char>& raw, std::vector<float>& into) {
  const auto* values = reinterpret_cast<const T*>(raw.data());
  std::transform(values, values + into.size(), into.begin(),
                 [](T value) { return static_cast<float>(value); });
}

bool convert_by_type(itk::IOComponentEnum type, const std::vector<char>& raw,
                     std::vector<float>& into) {
  using C = itk::IOComponentEnum;
  if (type == C::UCHAR) return convert<unsigned char>(raw, into), true;
  if (type == C::CHAR) return convert<signed char>(raw, into), true;
  if (type == C::USHORT) return convert<unsigned short>(raw, into), true;
  if (type == C::SHORT) return convert<short>(raw, into), true;
  if (type == C::UINT) return convert<unsigned int>(raw, into), true;
  if (type == C::INT) return convert<int>(raw, into), true;
  if (type == C::ULONG) return convert<unsigned long>(raw, into), true;
  if (type == C::LONG) return convert<long>(raw, into), true;
  if (type == C::ULONGLONG) return convert<unsigned long long>(raw, into), true;
  if (type == C::LONGLONG) return convert<long long>(raw, into), true;
  if (type == C::FLOAT) return convert<float>(raw, into), true;
  if (type == C::DOUBLE) return convert<double>(raw, into), true;
  return false;
}

tl::unexpected<Error> unreadable() {
  return fail(Kind::corrupt, "image.unreadable", "The voxels could not be read.",
              "Copy the file again, or open it in another viewer to see whether it is intact.");
}

// ITK refuses orientations that are not orthonormal after it has read all the rest of the header;
// ours comes from read_checked_header, so only a header that it could not read at all matters.
void read_information(itk::NiftiImageIO& io) {
  try {
    io.ReadImageInformation();
  } catch (const itk::ExceptionObject&) {
    if (io.GetComponentType() == itk::IOComponentEnum::UNKNOWNCOMPONENTTYPE) throw;
  }
}

Result<std::vector<float>> read_voxels(const std::filesystem::path& path, const Size3& size,
                                       std::size_t frame) {
  try {
    auto io = itk::NiftiImageIO::New();
    io->SetFileName(path.string());
    read_information(*io);
    const unsigned dimensions = io->GetNumberOfDimensions();
    if (io->GetNumberOfComponents() != 1 || dimensions < 3) return unreadable();
    if (io->GetDimensions(0) != size.x || io->GetDimensions(1) != size.y ||
        io->GetDimensions(2) != size.z) {
      return unreadable();
    }
    itk::ImageIORegion region(dimensions);
    for (unsigned axis = 0; axis < dimensions; ++axis) {
      const bool time = axis >= 3;
      region.SetIndex(axis, axis == 3 ? static_cast<long>(frame) : 0);
      region.SetSize(axis, time ? 1 : io->GetDimensions(axis));
    }
    io->SetIORegion(region);
    std::vector<char> raw(size.voxels() * io->GetComponentSize());
    io->Read(raw.data());
    std::vector<float> voxels(size.voxels());
    if (!convert_by_type(io->GetComponentType(), raw, voxels)) return unreadable();
    return voxels;
  } catch (const std::exception&) {  // its text may hold the path, which may name a patient
    return unreadable();
  }
}

// The checked header of a file whose every voxel is a number.
Result<SeriesInfo> finite_info(const std::filesystem::path& path, const ReadLimits& limits) {
  auto header = read_checked_header(path, limits);
  if (!header) return pass(std::move(header));
  if (header->not_finite > 0) {
    return fail(Kind::invalid, "image.not_finite",
                fmt::format("{} voxels are NaN or infinite.", header->not_finite),
                "Export the image again, or replace these voxels.");
  }
  return std::move(header->info);
}

Result<SeriesInfo> info_of_frame(const std::filesystem::path& path, std::size_t frame,
                                 const ReadLimits& limits) {
  auto info = finite_info(path, limits);
  if (info && frame >= info->frames) {
    return fail(Kind::invalid, "image.frame_out_of_range",
                fmt::format("Frame {} was asked for, but the image has {} (counted from 0).", frame,
                            info->frames),
                "Check ED and ES in the list of cases.");
  }
  return info;
}

Result<SeriesInfo> info_of_volume(const std::filesystem::path& path, const ReadLimits& limits) {
  auto info = finite_info(path, limits);
  if (info && info->frames != 1) {
    return fail(Kind::invalid, "image.four_dimensional",
                fmt::format("The image has {} frames where one volume is needed.", info->frames),
                "Name the frame, or split the series.");
  }
  return info;
}

Result<void> check_intensities(const std::vector<float>& voxels) {
  const auto bad = std::count_if(voxels.begin(), voxels.end(),
                                 [](float value) { return !std::isfinite(value); });
  if (bad > 0) {
    return fail(Kind::invalid, "image.not_finite",
                fmt::format("{} of {} voxels are NaN or infinite.", bad, voxels.size()),
                "Export the image again, or replace these voxels.");
  }
  const auto [low, high] = std::minmax_element(voxels.begin(), voxels.end());
  if (*low == *high) {
    return fail(Kind::invalid, "image.constant", "Every voxel has the same value.",
                "Export the image again: there is nothing to see in it.");
  }
  return {};
}

Result<Volume> volume_from(const std::filesystem::path& path, std::size_t frame, SeriesInfo info) {
  auto voxels = read_voxels(path, info.geometry.size, frame);
  if (!voxels) return pass(std::move(voxels));
  if (auto fine = check_intensities(*voxels); !fine) return pass(std::move(fine));
  return Volume{std::move(info.geometry), std::move(*voxels), std::move(info.warnings)};
}

Result<Mask> mask_from(const std::filesystem::path& path, std::size_t frame, SeriesInfo info) {
  const auto voxels = read_voxels(path, info.geometry.size, frame);
  if (!voxels) return pass(voxels);
  Mask mask{std::move(info.geometry), {}, std::move(info.warnings)};
  mask.labels.reserve(voxels->size());
  for (const float value : *voxels) {
    if (!std::isfinite(value) || value != std::round(value)) {
      return fail(Kind::invalid, "mask.not_integer", "The mask holds values that are no labels.",
                  "Give a label map, not probabilities or intensities.");
    }
    if (value < 0.0F || value > 255.0F) {
      return fail(Kind::invalid, "mask.value_out_of_range",
                  fmt::format("The mask holds the value {:.0f}; labels are 0 to 255.", value),
                  "Give a label map with small numbers.");
    }
    mask.labels.push_back(static_cast<std::uint8_t>(value));
  }
  return mask;
}

}  // namespace

Result<SeriesInfo> read_info(const std::filesystem::path& path, const ReadLimits& limits) {
  auto header = read_checked_header(path, limits);
  if (!header) return pass(std::move(header));
  return std::move(header->info);
}

Result<Volume> read_volume(const std::filesystem::path& path, const ReadLimits& limits) {
  auto info = info_of_volume(path, limits);
  if (!info) return pass(std::move(info));
  return volume_from(path, 0, std::move(*info));
}

Result<Volume> read_frame(const std::filesystem::path& path, std::size_t frame,
                          const ReadLimits& limits) {
  auto info = info_of_frame(path, frame, limits);
  if (!info) return pass(std::move(info));
  return volume_from(path, frame, std::move(*info));
}

Result<std::vector<Volume>> read_frames(const std::filesystem::path& path,
                                        std::span<const std::size_t> frames,
                                        const ReadLimits& limits) {
  std::vector<Volume> volumes;
  for (const std::size_t frame : frames) {
    auto volume = read_frame(path, frame, limits);
    if (!volume) return pass(std::move(volume));
    volumes.push_back(std::move(*volume));
  }
  return volumes;
}

Result<Mask> read_mask(const std::filesystem::path& path, const ReadLimits& limits) {
  auto info = info_of_volume(path, limits);
  if (!info) return pass(std::move(info));
  return mask_from(path, 0, std::move(*info));
}

Result<Mask> read_mask_frame(const std::filesystem::path& path, std::size_t frame,
                             const ReadLimits& limits) {
  auto info = info_of_frame(path, frame, limits);
  if (!info) return pass(std::move(info));
  return mask_from(path, frame, std::move(*info));
}

}  // namespace cloister::imaging
