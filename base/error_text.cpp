#include "base/error_text.h"

#include "base/plain.h"

namespace cloister {

std::string error_text(const Error& error) {
  std::string text = fmt::format("error: {}\n", plain_lines(error.what));
  if (!error.next.empty()) text += fmt::format("  next: {}\n", plain_lines(error.next));
  return text + fmt::format("  code: {}\n", plain_line(error.code));
}

}  // namespace cloister
