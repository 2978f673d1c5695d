// Reading and writing whole files, safely. Large or streamed data belongs to storage/.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace cloister {

enum class FileMode : unsigned { owner_only = 0600, readable = 0644 };

// The whole file; `limit` guards against a surprise (refused with "file.too_large").
[[nodiscard]] Result<Bytes> read_file(const std::filesystem::path& path,
                                      std::uint64_t limit = 64ULL << 20);
[[nodiscard]] Result<std::string> read_text(const std::filesystem::path& path,
                                            std::uint64_t limit = 64ULL << 20);

// All or nothing: writes a temporary neighbour, fsyncs it, renames it over `path`, fsyncs the
// folder. After a crash the old or the new content is there, never a mixture.
[[nodiscard]] Result<void> write_file(const std::filesystem::path& path, BytesView content,
                                      FileMode mode = FileMode::readable);
[[nodiscard]] Result<void> write_text(const std::filesystem::path& path, std::string_view content,
                                      FileMode mode = FileMode::readable);

// Makes the folder and its parents; an existing folder is fine.
[[nodiscard]] Result<void> make_folder(const std::filesystem::path& path);

// An Error for a failed system call on a path: what, where, and what to do (full disk,
// permissions).
[[nodiscard]] Error system_error(int error_number, std::string_view doing,
                                 const std::filesystem::path& path);

}  // namespace cloister
