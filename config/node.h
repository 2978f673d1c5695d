// Inside this room only: a parsed document, whatever it was written in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace cloister::config::detail {

enum class NodeKind { table, array, text, whole, real, truth, time };

struct Node {
  NodeKind kind = NodeKind::table;
  unsigned line = 0;  // 0: unknown
  unsigned column = 0;
  std::string text;  // text and time
  std::int64_t whole = 0;
  double real = 0;
  bool truth = false;
  std::string key;            // its own, in the table that holds it
  std::vector<Node> members;  // of a table, sorted by key
  std::vector<Node> items;    // of an array

  [[nodiscard]] const Node* find(std::string_view wanted) const;
};

inline constexpr std::size_t document_bytes_max = 4 << 20;
inline constexpr std::size_t document_depth_max = 32;

// Pure; the text may be anything. Failures are "config.syntax" with line and column.
[[nodiscard]] Result<Node> parse_toml(std::string_view text, std::string_view file_name);
[[nodiscard]] Result<Node> parse_json(std::string_view text, std::string_view file_name);

[[nodiscard]] tl::unexpected<Error> syntax_error(std::string_view file_name, unsigned line,
                                                 unsigned column, std::string_view why);
// "too large", before parsing; "nested too deep", after.
[[nodiscard]] Result<void> check_size(std::string_view text, std::string_view file_name);

}  // namespace cloister::config::detail
