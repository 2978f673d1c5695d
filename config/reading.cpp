#include "config/reading.h"

#include <algorithm>
#include <numeric>

namespace cloister::config::detail {
namespace {

// Levenshtein's distance (1966), one row at a time.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      const std::size_t replace = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({above + 1, row[j - 1] + 1, replace});
      diagonal = above;
    }
  }
  return row.back();
}

std::string listed(const std::set<std::string, std::less<>>& words) {
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : ", ") + word;
  return all;
}

}  // namespace

std::string nearest(std::string_view word, const std::set<std::string, std::less<>>& candidates) {
  if (word.size() > 64) return {};
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    const std::size_t d = distance(word, candidate);
    if (d < best_distance) {
      best = candidate;
      best_distance = d;
    }
  }
  return best;
}

std::string_view noun(NodeKind kind) {
  switch (kind) {
    case NodeKind::table:
      return "a table";
    case NodeKind::array:
      return "a list";
    case NodeKind::text:
      return "text";
    case NodeKind::whole:
      return "a whole number";
    case NodeKind::real:
      return "a number";
    case NodeKind::truth:
      return "true or false";
    case NodeKind::time:
      return "a date or time";
  }
  return "something else";
}

std::vector<Problem> Reading::unknown_keys() const {
  std::vector<Problem> unknown;
  for (const auto& [node, known] : asked) {
    for (const Node& value : node->members) {
      const std::string& key = value.key;
      if (known.keys.contains(key)) continue;
      const std::string name = known.path.empty() ? key : known.path + "." + key;
      const std::string guess = nearest(key, known.keys);
      std::string sentence = fmt::format("'{}' is not known here", name);
      if (!guess.empty()) {
        sentence += fmt::format("; did you mean '{}'?", guess);
      } else if (!known.keys.empty()) {
        sentence += fmt::format("; known are {}", listed(known.keys));
      }
      unknown.push_back({value.line, std::move(sentence)});
    }
  }
  return unknown;
}

}  // namespace cloister::config::detail
