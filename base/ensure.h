// ensure(): for mistakes of the programmer. Always on, in every build type. Never for anything that
// came from a peer, a file or a person: those are Results.
#pragma once

#include <source_location>
#include <string_view>

namespace cloister {

namespace detail {
[[noreturn]] void broken(std::string_view why, const std::source_location& where);
}

inline void ensure(bool condition, std::string_view why,
                   const std::source_location& where = std::source_location::current()) {
  if (!condition) detail::broken(why, where);
}

}  // namespace cloister
