// Small volumes and folders for the imaging tests.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <string>

#include "imaging/volume.h"

namespace cloister::imaging::testing {

// A folder of this test process, emptied at construction, removed at the end.
class Folder {
 public:
  explicit Folder(const std::string& name)
      : path_(std::filesystem::temp_directory_path() /
              ("cloister-" + name + "-" + std::to_string(getpid()))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Every voxel a value of its own.
inline Volume ramp(Size3 size, Vector3 spacing_mm) {
  Volume volume{axis_aligned(size, spacing_mm), {}, {}};
  for (std::size_t i = 0; i < size.voxels(); ++i) {
    volume.voxels.push_back(static_cast<float>(i % 1000));
  }
  return volume;
}

struct Box {
  Size3 low, high;  // high is not part of it
};
inline void fill(Mask& mask, const Box& box, std::uint8_t label) {
  const Size3& size = mask.geometry.size;
  for (std::size_t z = box.low.z; z < box.high.z; ++z) {
    for (std::size_t y = box.low.y; y < box.high.y; ++y) {
      for (std::size_t x = box.low.x; x < box.high.x; ++x) {
        mask.labels[x + size.x * (y + size.y * z)] = label;
      }
    }
  }
}
inline Mask empty_mask(Size3 size, Vector3 spacing_mm) {
  return {axis_aligned(size, spacing_mm), std::vector<std::uint8_t>(size.voxels(), 0), {}};
}

}  // namespace cloister::imaging::testing
