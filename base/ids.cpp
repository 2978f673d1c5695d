#include "base/ids.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"

namespace cloister {

bool is_valid_id(std::string_view text) {
  if (text.empty() || text.size() > 100 || text.front() == '-' || text.back() == '-') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

Error bad_id(std::string_view what, std::string_view text) {
  std::string shown;
  for (char c : text.substr(0, 70)) shown += (c >= 0x20 && c < 0x7f) ? c : '?';
  return Error{Kind::invalid, "id.format",
               fmt::format("'{}' cannot be the name of a {}.", shown, what),
               "Use 1 to 100 lower-case letters, digits and '-', not starting or ending with '-'."};
}

std::string uuid_v7(Instant now, std::span<const std::uint8_t, 10> random) {
  std::array<std::uint8_t, 16> raw{};
  const auto milliseconds = static_cast<std::uint64_t>(now.unix_milliseconds());
  for (std::size_t i = 0; i < 6; ++i) {
    raw[i] = static_cast<std::uint8_t>(milliseconds >> (40 - 8 * i));
  }
  std::copy(random.begin(), random.end(), raw.begin() + 6);
  raw[6] = static_cast<std::uint8_t>((raw[6] & 0x0f) | 0x70);
  raw[8] = static_cast<std::uint8_t>((raw[8] & 0x3f) | 0x80);
  const std::string hex = to_hex(BytesView(raw));
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" +
         hex.substr(16, 4) + "-" + hex.substr(20);
}

}  // namespace cloister
