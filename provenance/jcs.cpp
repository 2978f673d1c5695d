// The writer of RFC 8785.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/ensure.h"
#include "provenance/json.h"

namespace cloister::provenance {
namespace {

// ECMAScript's Number::toString (ECMA-262 section 6.1.6.1.20) from the shortest digits that read
// back as the same number, which is what to_chars gives.
std::string number_text(double value) {
  ensure(std::isfinite(value), "only finite numbers can be written as JSON");
  if (value == 0) return "0";
  std::array<char, 40> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), std::abs(value),
                                 std::chars_format::scientific);
  const std::string_view text(buffer.data(), static_cast<std::size_t>(end.ptr - buffer.data()));
  const std::size_t e = text.find('e');
  std::string digits(1, text[0]);
  if (e > 2) digits += text.substr(2, e - 2);
  int exponent = 0;
  const std::size_t sign = text[e + 1] == '+' ? e + 2 : e + 1;
  std::from_chars(text.data() + sign, text.data() + text.size(), exponent);
  const int count = static_cast<int>(digits.size());
  const int point = exponent + 1;  // digits before the decimal point
  std::string out = value < 0 ? "-" : "";
  if (count <= point && point <= 21) {
    out += digits + std::string(static_cast<std::size_t>(point - count), '0');
  } else if (0 < point && point <= 21) {
    out += digits.substr(0, static_cast<std::size_t>(point)) + "." +
           digits.substr(static_cast<std::size_t>(point));
  } else if (-6 < point && point <= 0) {
    out += "0." + std::string(static_cast<std::size_t>(-point), '0') + digits;
  } else {
    out += digits.substr(0, 1);
    if (count > 1) out += "." + digits.substr(1);
    out += fmt::format("e{}{}", point > 0 ? "+" : "-", std::abs(point - 1));
  }
  return out;
}

void write_escaped(std::string& out, char c) {
  constexpr std::string_view plain = "\"\\\b\f\n\r\t";
  constexpr std::string_view letters = "\"\\bfnrt";
  const std::size_t at = plain.find(c);
  if (at != std::string_view::npos) {
    out += '\\';
    out += letters[at];
  } else {
    out += fmt::format("\\u{:04x}", static_cast<unsigned char>(c));
  }
}

void write_text(std::string& out, std::string_view text) {
  out += '"';
  std::size_t from = 0;  // of what is copied as it stands
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\') continue;
    out += text.substr(from, i - from);
    write_escaped(out, c);
    from = i + 1;
  }
  out += text.substr(from);
  out += '"';
}

// UTF-8 compares like code points; UTF-16 code units differ from that only where a surrogate
// (first byte 0xf0 and up) meets U+E000..U+FFFF (first byte 0xee or 0xef).
bool before_in_utf16(std::string_view a, std::string_view b) {
  const auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  if (x == a.end() || y == b.end()) return x == a.end() && y != b.end();
  const auto left = static_cast<unsigned char>(*x);
  const auto right = static_cast<unsigned char>(*y);
  if (left >= 0xf0 && right >= 0xee && right < 0xf0) return true;
  if (right >= 0xf0 && left >= 0xee && left < 0xf0) return false;
  return left < right;
}

struct Style {
  bool pretty = false;
  int depth = 0;
};

void new_line(std::string& out, const Style& style) {
  if (style.pretty) out += "\n" + std::string(static_cast<std::size_t>(style.depth) * 2, ' ');
}

void write(std::string& out, const Json& value, Style style);

void write_array(std::string& out, const Json::Array& items, Style style) {
  out += '[';
  ++style.depth;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ',';
    new_line(out, style);
    write(out, items[i], style);
  }
  --style.depth;
  if (!items.empty()) new_line(out, style);
  out += ']';
}

// The map's order is that of bytes; UTF-16's is another one only where such bytes occur.
bool may_differ_in_utf16(const Json::Object& fields) {
  return std::any_of(fields.begin(), fields.end(), [](const auto& field) {
    return std::any_of(field.first.begin(), field.first.end(),
                       [](char c) { return static_cast<unsigned char>(c) >= 0xee; });
  });
}

void write_object(std::string& out, const Json::Object& fields, Style style) {
  std::vector<const Json::Object::value_type*> order;
  order.reserve(fields.size());
  for (const auto& field : fields) order.push_back(&field);
  if (may_differ_in_utf16(fields)) {
    std::sort(order.begin(), order.end(),
              [](const auto* a, const auto* b) { return before_in_utf16(a->first, b->first); });
  }
  out += '{';
  ++style.depth;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i > 0) out += ',';
    new_line(out, style);
    write_text(out, order[i]->first);
    out += style.pretty ? ": " : ":";
    write(out, order[i]->second, style);
  }
  --style.depth;
  if (!order.empty()) new_line(out, style);
  out += '}';
}

void write(std::string& out, const Json& value, Style style) {
  if (const auto* text = value.text()) return write_text(out, *text);
  if (const auto* whole = value.integer()) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), *whole);
    out.append(digits.data(), end.ptr);
  } else if (const auto* part = value.real()) {
    out += number_text(*part);
  } else if (const auto* truth = value.boolean()) {
    out += *truth ? "true" : "false";
  } else if (const auto* items = value.items()) {
    write_array(out, *items, style);
  } else if (const auto* fields = value.fields()) {
    write_object(out, *fields, style);
  } else {
    out += "null";
  }
}

}  // namespace

std::string to_jcs(const Json& value) {
  std::string out;
  write(out, value, {});
  return out;
}

std::string to_pretty(const Json& value) {
  std::string out;
  write(out, value, {true, 0});
  return out;
}

}  // namespace cloister::provenance
