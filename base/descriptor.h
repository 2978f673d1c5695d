// An open file that closes itself, and the few calls that every writer of files needs.
#pragma once

#include <filesystem>
#include <span>

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
// The bytes at `offset`, as many as fit into `out` or the file still has; how many.
[[nodiscard]] Result<std::size_t> read_at(const Descriptor& file, std::span<std::uint8_t> out,
                                          std::uint64_t offset, const std::filesystem::path& path);
// All of `content` at `offset`. What had been written when it fails is not known.
[[nodiscard]] Result<void> write_at(const Descriptor& file, BytesView content, std::uint64_t offset,
                                    const std::filesystem::path& path);
// Makes renames and removals in this folder survive a power cut.
[[nodiscard]] Result<void> sync_folder(const std::filesystem::path& folder);

}  // namespace cloister
