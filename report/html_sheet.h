// The frame of a single page: head, heading, foot. Private to this room.
#pragma once

#include <string>
#include <string_view>

namespace cloister::report {

[[nodiscard]] std::string sheet_open(std::string_view brand, std::string_view title,
                                     const std::string& sub_html);
[[nodiscard]] std::string sheet_close();

}  // namespace cloister::report
