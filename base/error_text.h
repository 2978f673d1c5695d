// An error as a person reads it at a terminal. Logs have their own form (log.h), scripts ask for
// JSON.
#pragma once

#include <string>

#include "base/result.h"

namespace cloister {

// "error: WHAT", "  next: NEXT" (where there is one) and "  code: CODE", a line each. What is
// broken over lines stays so; what would draw on the terminal does not (plain.h).
[[nodiscard]] std::string error_text(const Error& error);

}  // namespace cloister
