// SHA-256 of a file of any size.
#pragma once

#include <filesystem>

#include "base/digest.h"
#include "base/result.h"

namespace cloister::cli {

[[nodiscard]] Result<Digest> file_digest(const std::filesystem::path& path);

}  // namespace cloister::cli
