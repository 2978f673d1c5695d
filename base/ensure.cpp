#include "base/ensure.h"

#include <fmt/core.h>

#include <cstdio>
#include <cstdlib>

namespace cloister::detail {

void broken(std::string_view why, const std::source_location& where) {
  fmt::print(stderr, "broken invariant: {} ({}:{}, {})\n", why, where.file_name(), where.line(),
             where.function_name());
  std::fflush(stderr);
  std::abort();
}

}  // namespace cloister::detail
