#include "config/node.h"

#include <algorithm>

namespace cloister::config::detail {

const Node* Node::find(std::string_view key) const {
  const auto at = std::lower_bound(
      members.begin(), members.end(), key,
      [](const auto& member, std::string_view wanted) { return member.first < wanted; });
  return at != members.end() && at->first == key ? &at->second : nullptr;
}

tl::unexpected<Error> syntax_error(std::string_view file_name, unsigned line, unsigned column,
                                   std::string_view why) {
  return fail(Kind::invalid, "config.syntax",
              fmt::format("{}, line {}, column {}: {}.", file_name, line, column, why),
              "Correct the file there.");
}

Result<void> check_size(std::string_view text, std::string_view file_name) {
  if (text.size() <= document_bytes_max) return {};
  return fail(Kind::invalid, "config.too_large",
              fmt::format("{} is larger than {} MiB.", file_name, document_bytes_max >> 20),
              "Check that this is the right file.");
}

}  // namespace cloister::config::detail
