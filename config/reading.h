// Inside this room only: one document being read, with what was asked for and what was wrong.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "config/fields.h"
#include "config/node.h"

namespace cloister::config::detail {

struct Problem {
  unsigned line = 0;  // 0: unknown
  std::string sentence;
  friend auto operator<=>(const Problem&, const Problem&) = default;
};

struct Reading {
  Node root;
  Node empty;  // stands in for tables that are absent
  std::string file_name;
  std::filesystem::path folder;
  std::vector<Problem> problems;
  // By table: the keys asked for, and the table's name in the document.
  struct Asked {
    std::string path;
    std::set<std::string, std::less<>> keys;
  };
  std::map<const Node*, Asked> asked;

  // Unknown keys of every table that was read.
  [[nodiscard]] std::vector<Problem> unknown_keys() const;
};

// The candidate at the smallest edit distance, if it is near enough to be a slip; otherwise empty.
[[nodiscard]] std::string nearest(std::string_view word,
                                  const std::set<std::string, std::less<>>& candidates);
[[nodiscard]] std::string_view noun(NodeKind kind);

}  // namespace cloister::config::detail
