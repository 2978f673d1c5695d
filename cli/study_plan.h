// Verbs about a plan that need nobody else: template and check.
#pragma once

#include <filesystem>

#include "cli/answer.h"

namespace cloister::cli {

// A good plan, explained: what will run where, how long, what would leave.
[[nodiscard]] Result<Answer> check_plan(const std::filesystem::path& path);

}  // namespace cloister::cli
