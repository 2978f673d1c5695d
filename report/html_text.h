// Small pieces of HTML and numbers as people read them. Private to this room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/html.h"
#include "report/report.h"

namespace cloister::report {

using html::escaped;

[[nodiscard]] std::string score_text(double value);                        // "0.834"
[[nodiscard]] std::string score_text(const std::optional<double>& value);  // or a dash
[[nodiscard]] std::string mm_text(const std::optional<double>& value);     // "4.2"
[[nodiscard]] std::string figure_text(double value);                       // four digits that count
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);                 // "12.3 MB"
[[nodiscard]] std::string seconds_text(double seconds);                    // "4 min 05 s"
[[nodiscard]] std::string count_text(std::uint64_t count, std::string_view one,
                                     std::string_view many);  // "1 patient", "3 patients"
// "pass" -> a badge with a sign and a word, so that colour is never the only difference.
[[nodiscard]] std::string badge(std::string_view verdict);
// A digest as people compare it: the first twelve digits, the rest on hover and for copying.
[[nodiscard]] std::string digest_html(std::string_view digest);

// A guided study's warning: the trainer can read masks, and who of each site (or of this one)
// consented to it under which policy. Nothing in any other study.
[[nodiscard]] std::string guided_html(const Report& report, const Site* only = nullptr);

// A section with its heading; `id` is the link target.
[[nodiscard]] std::string section_open(std::string_view id, std::string_view title);
[[nodiscard]] std::string section_close();
// What stands over a column: text to the left, numbers to the right.
struct Column {
  Column(const char* text) : title(text) {}  // so that a table's columns read as a list of words
  explicit Column(std::string text, bool numbers = false)
      : title(std::move(text)), is_number(numbers) {}
  std::string title;
  bool is_number = false;
};
[[nodiscard]] inline Column number(const char* title) { return Column(title, true); }
[[nodiscard]] std::string table_head(const std::vector<Column>& columns);
// A table that scrolls by itself on narrow screens; head and rows follow, then table_close().
[[nodiscard]] std::string table_open(std::string_view caption);
// With its head, up to <tbody>.
[[nodiscard]] std::string table_open(std::string_view caption, const std::vector<Column>& columns);
[[nodiscard]] std::string table_close();

}  // namespace cloister::report
