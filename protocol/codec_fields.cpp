#include "protocol/codec_fields.h"

#include <cmath>

namespace cloister::protocol::codec {
namespace {

// Bytes of the UTF-8 sequence at the front (RFC 3629), 0 if there is none.
std::size_t utf8_sequence(std::string_view text) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = at(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and code points beyond U+10FFFF.
  if ((first == 0xe0 && at(1) < 0xa0) || (first == 0xed && at(1) > 0x9f)) return 0;
  if ((first == 0xf0 && at(1) < 0x90) || (first == 0xf4 && at(1) > 0x8f)) return 0;
  return length;
}

}  // namespace

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_sequence(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

void Fields::wrong(std::string_view field, std::string_view why) {
  if (error_) return;
  error_ = Error{Kind::invalid, "message.field", fmt::format("The field '{}' {}.", field, why),
                 "The sender must keep to docs/protocol.md; compare the versions of both sides."};
}

Bytes Fields::bytes(std::string_view field, const std::string& value, std::size_t max) {
  if (value.size() > max) {
    wrong(field, fmt::format("is longer than {} bytes", max));
    return {};
  }
  return to_bytes(value);
}

Bytes Fields::exactly(std::string_view field, const std::string& value, std::size_t size) {
  if (value.size() != size) {
    wrong(field, fmt::format("is not {} bytes long", size));
    return {};
  }
  return to_bytes(value);
}

Bytes Fields::none_or(std::string_view field, const std::string& value, std::size_t size) {
  return value.empty() ? Bytes{} : exactly(field, value, size);
}

std::string Fields::text(std::string_view field, const std::string& value, std::size_t max) {
  if (value.size() <= max) return value;
  wrong(field, fmt::format("is longer than {} bytes", max));
  return {};
}

Digest Fields::digest(std::string_view field, const std::string& value) {
  auto parsed = digest_from_bytes(as_bytes(value));
  if (!parsed) wrong(field, "is no SHA-256 value");
  return parsed.value_or(Digest{});
}

Digest Fields::optional_digest(std::string_view field, const std::string& value) {
  if (value.empty()) return {};
  const Digest parsed = digest(field, value);
  if (parsed.is_zero()) wrong(field, "is zero, which is written as absent");
  return parsed;
}

std::string Fields::site(const std::string& value) {
  return optional_id<SiteId>("site", value).text();
}

Role Fields::role(int value) {
  if (value >= static_cast<int>(Role::root) && value <= static_cast<int>(Role::auditor)) {
    return static_cast<Role>(value);
  }
  wrong("role", "is none that this version knows");
  return Role::auditor;
}

double Fields::finite(std::string_view field, double value) {
  if (std::isfinite(value)) return value;
  wrong(field, "is not a finite number");
  return 0;
}

bool Fields::count(std::string_view field, int count, std::size_t max) {
  if (static_cast<std::size_t>(count) <= max) return true;
  wrong(field, fmt::format("has more than {} elements", max));
  return false;
}

std::string to_string(BytesView bytes) { return std::string(as_text(bytes)); }
std::string to_string(const Digest& digest) { return to_string(digest.view()); }
std::string optional_to_string(const Digest& digest) {
  return digest.is_zero() ? std::string() : to_string(digest);
}

std::string utf8(std::string_view text) {
  std::string out(text);
  if (is_utf8(text)) return out;
  for (char& c : out) {
    if (static_cast<std::uint8_t>(c) >= 0x80) c = '?';
  }
  return out;
}

}  // namespace cloister::protocol::codec
