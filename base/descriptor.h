// An open file that closes itself, and the few calls that every writer of files needs.
#pragma once

#include <filesystem>

#include "base/bytes.h"
#include "base/result.h"

namespace cloister {

// Owns a file descriptor; move-only. Negative: none.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();

  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }
  int release();

 private:
  int number_ = -1;
};

// All of `content` at the present position. `path` is for the message.
[[nodiscard]] Result<void> write_all(const Descriptor& file, BytesView content,
                                     const std::filesystem::path& path);
// Makes renames and removals in this folder survive a power cut.
[[nodiscard]] Result<void> sync_folder(const std::filesystem::path& folder);

}  // namespace cloister
