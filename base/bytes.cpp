#include "base/bytes.h"

#include <array>

#include "base/ensure.h"

namespace cloister {
namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// The value of each character in base64; -1 for those that are none.
using Base64Values = std::array<std::int8_t, 256>;

constexpr Base64Values base64_values(bool url_safe) {
  Base64Values values{};
  for (auto& value : values) value = -1;
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  }
  if (url_safe) {
    values['-'] = 62;
    values['_'] = 63;
  }
  return values;
}

constexpr Base64Values standard_values = base64_values(false);
constexpr Base64Values any_values = base64_values(true);

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

tl::unexpected<Error> bad_base64() {
  return fail(Kind::invalid, "bytes.base64", "The text is not valid base64.");
}

// `text` without padding. Trailing bits must be zero, so that each value has one spelling.
Result<Bytes> decode_unpadded(std::string_view text, const Base64Values& values) {
  const std::size_t left = text.size() % 4;  // characters of a last, partial group
  if (left == 1) return bad_base64();
  Bytes out(text.size() / 4 * 3 + (left == 0 ? 0 : left - 1));
  const auto value_at = [&](std::size_t i) {
    return int{values[static_cast<unsigned char>(text[i])]};
  };
  int all = 0;  // negative as soon as one value is
  std::size_t at = 0;
  std::size_t i = 0;
  for (; i + 4 <= text.size(); i += 4) {
    const int a = value_at(i);
    const int b = value_at(i + 1);
    const int c = value_at(i + 2);
    const int d = value_at(i + 3);
    all |= a | b | c | d;
    out[at++] = static_cast<std::uint8_t>((a << 2) | (b >> 4));
    out[at++] = static_cast<std::uint8_t>((b << 4) | (c >> 2));
    out[at++] = static_cast<std::uint8_t>((c << 6) | d);
  }
  if (left > 0) {
    const int a = value_at(i);
    const int b = value_at(i + 1);
    const int c = left == 3 ? value_at(i + 2) : 0;
    all |= a | b | c;
    out[at++] = static_cast<std::uint8_t>((a << 2) | (b >> 4));
    if (left == 3) out[at++] = static_cast<std::uint8_t>((b << 4) | (c >> 2));
    if ((left == 2 ? b & 15 : c & 3) != 0) return bad_base64();
  }
  if (all < 0) return bad_base64();
  return out;
}

std::string_view without_padding(std::string_view text) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  return text;
}

}  // namespace

BytesView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string_view as_text(BytesView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes to_bytes(std::string_view text) {
  const BytesView view = as_bytes(text);
  return {view.begin(), view.end()};
}

void append(Bytes& to, BytesView more) { to.insert(to.end(), more.begin(), more.end()); }

std::string to_hex(BytesView bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (std::uint8_t byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

Result<Bytes> from_hex(std::string_view text) {
  auto bad = [] {
    return fail(Kind::invalid, "bytes.hex", "The text is not lower-case hexadecimal.");
  };
  if (text.size() % 2 != 0) return bad();
  Bytes out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]);
    const int low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return bad();
    out.push_back(static_cast<std::uint8_t>(high * 16 + low));
  }
  return out;
}

std::string to_base64(BytesView bytes) {
  std::string text((bytes.size() + 2) / 3 * 4, '=');
  std::size_t at = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    std::uint32_t group = static_cast<std::uint32_t>(bytes[i]) << 16;
    if (left > 1) group |= static_cast<std::uint32_t>(bytes[i + 1]) << 8;
    if (left > 2) group |= bytes[i + 2];
    text[at] = alphabet[group >> 18];
    text[at + 1] = alphabet[(group >> 12) & 63];
    if (left > 1) text[at + 2] = alphabet[(group >> 6) & 63];
    if (left > 2) text[at + 3] = alphabet[group & 63];
    at += 4;
  }
  return text;
}

Result<Bytes> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return bad_base64();
  const std::string_view body = without_padding(text);
  if (text.size() - body.size() > 2) return bad_base64();
  if (!body.empty() && (body.size() + 3) / 4 * 4 != text.size()) return bad_base64();
  return decode_unpadded(body, standard_values);
}

Result<Bytes> from_base64_any(std::string_view text) {
  return decode_unpadded(without_padding(text), any_values);
}

Bytes be64(std::uint64_t value) {
  Bytes out(8);
  for (int i = 0; i < 8; ++i)
    out[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(value >> (56 - 8 * i));
  return out;
}

std::uint64_t read_be64(BytesView eight) {
  ensure(eight.size() >= 8, "eight bytes for a 64-bit integer");
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value = (value << 8) | eight[i];
  return value;
}

Bytes le64(std::uint64_t value) {
  Bytes out(8);
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(value >> (8 * i));
  return out;
}

std::uint64_t read_le64(BytesView eight) {
  ensure(eight.size() >= 8, "eight bytes for a 64-bit integer");
  std::uint64_t value = 0;
  for (std::size_t i = 8; i > 0; --i) value = (value << 8) | eight[i - 1];
  return value;
}

}  // namespace cloister
