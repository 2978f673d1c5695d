// Which centres the table of an M&Ms folder names.
#pragma once

#include <filesystem>
#include <set>
#include <string>

#include "base/result.h"

namespace cloister::cli {

// The values of the column "Centre" of the folder's .csv file.
[[nodiscard]] Result<std::set<std::string>> centres_of(const std::filesystem::path& folder);

}  // namespace cloister::cli
