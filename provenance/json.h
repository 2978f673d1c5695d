// JSON as we need it: a small value, a strict reader, and the one canonical spelling of RFC 8785
// (JCS) that everything we sign or hash is written in. nlohmann-json stays behind json.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/result.h"

namespace cloister::provenance {

// A value: copies, compares, has no identity. Integers beyond +-(2^53 - 1) are refused by reader
// and writer alike, because JavaScript readers of our evidence would round them.
class Json {
 public:
  using Array = std::vector<Json>;
  using Object = std::map<std::string, Json, std::less<>>;

  Json() = default;  // null
  Json(bool value) : value_(value) {}
  Json(std::int64_t value) : value_(value) {}
  Json(int value) : value_(std::int64_t{value}) {}
  Json(std::uint64_t value) : value_(static_cast<std::int64_t>(value)) {}
  Json(double value);  // a whole number within the exact range becomes an integer
  Json(std::string value) : value_(std::move(value)) {}
  Json(std::string_view value) : value_(std::string(value)) {}
  Json(const char* value) : value_(std::string(value)) {}
  Json(Array value) : value_(std::move(value)) {}
  Json(Object value) : value_(std::move(value)) {}
  Json(const Digest& digest) : value_(to_hex(digest)) {}
  [[nodiscard]] static Json object() { return Json(Object{}); }
  [[nodiscard]] static Json array() { return Json(Array{}); }

  // Null pointers where the value is of another type.
  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  [[nodiscard]] const bool* boolean() const { return std::get_if<bool>(&value_); }
  [[nodiscard]] const std::int64_t* integer() const { return std::get_if<std::int64_t>(&value_); }
  [[nodiscard]] const double* real() const { return std::get_if<double>(&value_); }
  [[nodiscard]] const std::string* text() const { return std::get_if<std::string>(&value_); }
  [[nodiscard]] const Array* items() const { return std::get_if<Array>(&value_); }
  [[nodiscard]] const Object* fields() const { return std::get_if<Object>(&value_); }
  // Integer or real.
  [[nodiscard]] std::optional<double> number() const;

  // The field, or null where there is none or this is no object.
  [[nodiscard]] const Json* find(std::string_view key) const;
  // Makes this an object if it is null; adds or replaces a field.
  Json& set(std::string_view key, Json value);
  // Makes this an array if it is null.
  Json& push(Json value);

  friend bool operator==(const Json&, const Json&) = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

struct JsonLimits {
  std::size_t bytes_max = 1U << 20;
  std::size_t depth_max = 16;
  std::size_t values_max = 100'000;
};

// Strict: UTF-8, no duplicate keys, no trailing bytes, limits. Errors "json.syntax",
// "json.duplicate_key", "json.too_large", "json.too_deep", "json.number".
[[nodiscard]] Result<Json> parse_json(std::string_view text, const JsonLimits& limits = {});

// RFC 8785: keys in order of their UTF-16 code units, shortest numbers as ECMAScript writes them.
// Non-finite numbers cannot be written (ensure): whoever builds a value checks it first.
[[nodiscard]] std::string to_jcs(const Json& value);
// The same value with two-space indentation, for people.
[[nodiscard]] std::string to_pretty(const Json& value);

// Typed access for readers of foreign JSON; the error ("json.field") names the field.
[[nodiscard]] Result<std::string> text_at(const Json& object, std::string_view key);
[[nodiscard]] Result<std::uint64_t> count_at(const Json& object, std::string_view key);
[[nodiscard]] Result<Digest> digest_at(const Json& object, std::string_view key);  // hexadecimal
[[nodiscard]] Result<Bytes> base64_at(const Json& object, std::string_view key);   // strict base64
// Empty text where the field is missing or of another type.
[[nodiscard]] std::string text_or_empty(const Json& object, std::string_view key);

}  // namespace cloister::provenance
