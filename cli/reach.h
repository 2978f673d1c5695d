// Whether anybody listens at an address: for `cloister doctor`, before keys come into play.
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"

namespace cloister::cli {

// Opens a TCP connection to "host:port" and closes it. "reach.refused", "reach.name",
// "reach.silent" say which of the three usual reasons it is.
[[nodiscard]] Result<void> reach(const std::string& address, Duration patience = Duration{5'000});

}  // namespace cloister::cli
