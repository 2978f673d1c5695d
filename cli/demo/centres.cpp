#include "cli/demo/centres.h"

#include <algorithm>
#include <vector>

#include "base/file.h"

namespace cloister::cli {
namespace {

std::vector<std::string> split(const std::string& text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == at)
      parts.emplace_back();
    else if (c != '\r' && c != '"')
      parts.back() += c;
  }
  return parts;
}

using Table = std::vector<std::vector<std::string>>;

// The first of the folder's tables that has the column, and where the column is.
struct Found {
  Table rows;
  std::size_t column = 0;
};

Result<Found> find_table(const std::filesystem::path& folder) {
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(folder, problem)) {
    if (entry.path().extension() != ".csv") continue;
    const auto text = read_text(entry.path(), 16U << 20);
    if (!text) return pass(text);
    Found found;
    for (const auto& line : split(*text, '\n')) found.rows.push_back(split(line, ','));
    const auto& head = found.rows.front();
    const auto column = std::find(head.begin(), head.end(), "Centre");
    found.column = static_cast<std::size_t>(column - head.begin());
    if (column != head.end()) return found;
  }
  return fail(Kind::not_found, "demo.table",
              fmt::format("{} holds no table with a column 'Centre'.", folder.string()),
              "The M&Ms challenge has one: a .csv file beside its folders.");
}

}  // namespace

Result<std::set<std::string>> centres_of(const std::filesystem::path& folder) {
  auto found = find_table(folder);
  if (!found) return pass(found);
  std::set<std::string> centres;
  for (std::size_t i = 1; i < found->rows.size(); ++i) {
    const auto& row = found->rows[i];
    if (found->column < row.size() && !row[found->column].empty())
      centres.insert(row[found->column]);
  }
  if (!centres.empty()) return centres;
  return fail(Kind::invalid, "demo.table", "The table names no centre.",
              "Its column 'Centre' needs a value in each row.");
}

}  // namespace cloister::cli
