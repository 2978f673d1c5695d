// Bytes and the few text forms we use for them.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cloister {

using Bytes = std::vector<std::uint8_t>;
using BytesView = std::span<const std::uint8_t>;

[[nodiscard]] BytesView as_bytes(std::string_view text);
[[nodiscard]] std::string_view as_text(BytesView bytes);
[[nodiscard]] Bytes to_bytes(std::string_view text);
void append(Bytes& to, BytesView more);

// Lower-case hexadecimal; decoding accepts lower case only, so that one value has one spelling.
[[nodiscard]] std::string to_hex(BytesView bytes);
[[nodiscard]] Result<Bytes> from_hex(std::string_view text);

// Base64 of RFC 4648 section 4, with padding. The strict decoder accepts exactly what the encoder
// writes (no white space, no missing padding, zero trailing bits).
[[nodiscard]] std::string to_base64(BytesView bytes);
[[nodiscard]] Result<Bytes> from_base64(std::string_view text);
// Accepts the URL-safe alphabet as well, with or without padding (DSSE asks verifiers to).
[[nodiscard]] Result<Bytes> from_base64_any(std::string_view text);

// Big-endian and little-endian 64-bit integers.
[[nodiscard]] Bytes be64(std::uint64_t value);
[[nodiscard]] std::uint64_t read_be64(BytesView eight);
[[nodiscard]] Bytes le64(std::uint64_t value);
[[nodiscard]] std::uint64_t read_le64(BytesView eight);

}  // namespace cloister
