// TOML 1.0 to JSON text, for whoever reads JSON (canonical forms, digests of a plan).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace cloister::config {

// Compact JSON, keys sorted; dates and times become RFC 3339 strings; infinities and NaN are
// refused. "config.syntax" names file, line and column. `file_name` is for messages only.
[[nodiscard]] Result<std::string> toml_to_json(std::string_view text, std::string_view file_name);

}  // namespace cloister::config
