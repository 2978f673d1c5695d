// A SHA-256 value. Computed in crypto/, carried everywhere.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace cloister {

struct Digest {
  std::array<std::uint8_t, 32> bytes{};

  [[nodiscard]] BytesView view() const { return bytes; }
  [[nodiscard]] bool is_zero() const { return *this == Digest{}; }
  friend auto operator<=>(const Digest&, const Digest&) = default;
};

[[nodiscard]] std::string to_hex(const Digest& digest);
// The first twelve hexadecimal digits, for people; never for comparing.
[[nodiscard]] std::string short_hex(const Digest& digest);
// 64 lower-case hexadecimal digits, nothing else.
[[nodiscard]] Result<Digest> digest_from_hex(std::string_view text);
// Exactly 32 bytes.
[[nodiscard]] Result<Digest> digest_from_bytes(BytesView bytes);

}  // namespace cloister
