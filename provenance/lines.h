// Reading line-based text formats, byte by byte and without surprises. Private to this room.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"

namespace cloister::provenance {

// Takes the text up to the next LF off the front; nothing if no LF is left.
[[nodiscard]] std::optional<std::string_view> take_line(std::string_view& text);
// ASCII decimal without leading zeros or signs, below 2^64.
[[nodiscard]] std::optional<std::uint64_t> decimal(std::string_view text);
// 32 bytes in strict base64.
[[nodiscard]] std::optional<Digest> digest_from_base64(std::string_view text);
// Takes lines of base64 hashes up to and including the empty line that ends them.
[[nodiscard]] std::optional<std::vector<Digest>> take_hashes(std::string_view& text);
// Words between runs of spaces and tabs.
[[nodiscard]] std::vector<std::string_view> words_of(std::string_view line);
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace cloister::provenance
