// The page's own style sheet. Private to this room.
#pragma once

#include <string_view>

namespace cloister::report {

[[nodiscard]] std::string_view style_sheet();

}  // namespace cloister::report
