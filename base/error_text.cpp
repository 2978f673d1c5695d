#include "base/error_text.h"

namespace cloister {

std::string error_text(const Error& error) {
  std::string text = fmt::format("error: {}\n", error.what);
  if (!error.next.empty()) text += fmt::format("  next: {}\n", error.next);
  return text + fmt::format("  code: {}\n", error.code);
}

}  // namespace cloister
