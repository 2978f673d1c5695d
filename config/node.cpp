#include "config/node.h"

#include <algorithm>

namespace cloister::config::detail {

const Node* Node::find(std::string_view wanted) const {
  const auto at = std::lower_bound(
      members.begin(), members.end(), wanted,
      [](const Node& member, std::string_view other) { return member.key < other; });
  return at != members.end() && at->key == wanted ? &*at : nullptr;
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
