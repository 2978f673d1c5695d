#include "base/plain.h"

#include <cstdint>

namespace cloister {
namespace {

struct Character {
  std::uint32_t code = 0;
  std::size_t bytes = 1;  // that it takes; one if it is none
  bool is_one = false;
};

Character first_of(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  if (byte(0) < 0x80) return {byte(0), 1, true};
  const std::size_t bytes = byte(0) >= 0xf0 ? 4 : byte(0) >= 0xe0 ? 3 : 2;
  if (byte(0) < 0xc2 || byte(0) > 0xf4 || text.size() < bytes) return {};
  std::uint32_t code = byte(0) & (0xffU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return {};
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr std::uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < least[bytes] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return {};
  return {code, bytes, true};
}

bool is_plain(std::uint32_t code) {
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return false;
  const bool breaks = code == 0x2028 || code == 0x2029;
  const bool turns = code == 0x061c || code == 0x200e || code == 0x200f ||
                     (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return !breaks && !turns;
}

std::string plain(std::string_view text, bool keeps_line_ends) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Character next = first_of(text);
    const bool stays = keeps_line_ends && next.code == '\n';
    if (stays || (next.is_one && is_plain(next.code))) {
      out += text.substr(0, next.bytes);
    } else {
      out += next.code == '\t' ? ' ' : '?';
    }
    text.remove_prefix(next.bytes);
  }
  return out;
}

}  // namespace

std::string plain_line(std::string_view text) { return plain(text, false); }
std::string plain_lines(std::string_view text) { return plain(text, true); }

}  // namespace cloister
