#include "base/result.h"

namespace cloister {

std::string_view to_string(Kind kind) {
  switch (kind) {
    case Kind::invalid:
      return "invalid";
    case Kind::unauthenticated:
      return "unauthenticated";
    case Kind::forbidden:
      return "forbidden";
    case Kind::not_found:
      return "not_found";
    case Kind::conflict:
      return "conflict";
    case Kind::stale:
      return "stale";
    case Kind::exhausted:
      return "exhausted";
    case Kind::unavailable:
      return "unavailable";
    case Kind::corrupt:
      return "corrupt";
    case Kind::unsupported:
      return "unsupported";
  }
  return "invalid";
}

int exit_status(Kind kind) { return 10 + static_cast<int>(kind); }

Kind kind_from_number(int number) {
  const bool known =
      number >= static_cast<int>(Kind::invalid) && number <= static_cast<int>(Kind::unsupported);
  return known ? static_cast<Kind>(number) : Kind::invalid;
}

std::optional<Kind> kind_named(std::string_view word) {
  for (int number = 1; number <= static_cast<int>(Kind::unsupported); ++number) {
    const auto kind = static_cast<Kind>(number);
    if (to_string(kind) == word) return kind;
  }
  return std::nullopt;
}

std::string to_string(const Error& error) {
  std::string text = error.what;
  if (!error.next.empty()) text += " " + error.next;
  return text + " [" + error.code + "]";
}

}  // namespace cloister
