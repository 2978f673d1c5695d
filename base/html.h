// Text on its way into a page. Every room that writes HTML escapes through this one function.
#pragma once

#include <string>
#include <string_view>

namespace cloister::html {

// For text and for attribute values, in single or double quotes.
[[nodiscard]] std::string escaped(std::string_view text);

}  // namespace cloister::html
