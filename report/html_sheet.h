// The frame of a page: head, heading, foot. Private to this room.
#pragma once

#include <string>
#include <string_view>

namespace cloister::report {

// Of every page, from the document's first line to </head>: it may load nothing from anywhere.
[[nodiscard]] std::string head_html(std::string_view title);
// Of a single page without a menu of its own.
[[nodiscard]] std::string sheet_open(std::string_view brand, std::string_view title,
                                     const std::string& sub_html);
[[nodiscard]] std::string sheet_close();

}  // namespace cloister::report
