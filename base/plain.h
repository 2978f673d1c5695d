// Text that others wrote, on its way to a terminal. Names and reasons in records, and what a peer
// says of an error, are theirs to choose: an escape sequence in one could clear the screen and
// write a verdict of its own on it.
#pragma once

#include <string>
#include <string_view>

namespace cloister {

// '?' in the place of every control character, line end, byte that is no UTF-8, and character that
// turns the direction of what follows; a space in the place of a tab.
[[nodiscard]] std::string plain_line(std::string_view text);
// The same for text of several lines: its line ends stay.
[[nodiscard]] std::string plain_lines(std::string_view text);

}  // namespace cloister
