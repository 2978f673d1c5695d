#include "provenance/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/ensure.h"

namespace cloister::provenance {
namespace {

constexpr std::int64_t integer_max = (std::int64_t{1} << 53) - 1;

// Builds our value from nlohmann's parser events; says no at the first thing we do not accept.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit Builder(const JsonLimits& limits) : limits_(limits) {}

  bool null() override { return add(Json()); }
  bool boolean(bool value) override { return add(Json(value)); }
  bool number_integer(std::int64_t value) override {
    if (value < -integer_max || value > integer_max) return refuse_number();
    return add(Json(value));
  }
  bool number_unsigned(std::uint64_t value) override {
    if (value > static_cast<std::uint64_t>(integer_max)) return refuse_number();
    return add(Json(value));
  }
  bool number_float(double value, const std::string& /*text*/) override {
    // Canonical JSON writes it without a point: up to 2^64 as what is read as an integer, and
    // beyond the limit of integers refused.
    const double size = std::abs(value);
    const bool is_too_large = size > static_cast<double>(integer_max) && size < 0x1p64;
    if (!std::isfinite(value) || is_too_large) return refuse_number();
    return add(Json(value));
  }
  bool string(std::string& value) override { return add(Json(std::move(value))); }
  bool binary(nlohmann::json::binary_t& /*value*/) override { return false; }
  bool start_object(std::size_t /*size*/) override { return open(Json::object()); }
  bool start_array(std::size_t /*size*/) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& value) override {
    Frame& frame = stack_.back();
    if (frame.value.find(value) != nullptr) {
      return refuse(Kind::invalid, "json.duplicate_key",
                    fmt::format("The key '{}' stands twice in one JSON object.", shown(value)));
    }
    frame.key = std::move(value);
    return true;
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    return refuse(Kind::invalid, "json.syntax",
                  fmt::format("The text is not JSON (at byte {}).", position));
  }

  Result<Json> finish() {
    if (error_) return tl::unexpected<Error>(*error_);
    return std::move(root_);
  }

 private:
  struct Frame {
    Json value;
    std::string key;
  };

  static std::string shown(const std::string& text) {
    std::string out;
    for (char c : text.substr(0, 40)) out += (c >= 0x20 && c < 0x7f) ? c : '?';
    return out;
  }
  bool refuse(Kind kind, std::string_view code, std::string what) {
    if (!error_) error_ = Error{kind, std::string(code), std::move(what), {}};
    return false;
  }
  bool refuse_number() {
    return refuse(Kind::invalid, "json.number",
                  "A number is outside of what all JSON readers keep exactly.");
  }
  bool count() {
    if (++values_ <= limits_.values_max) return true;
    return refuse(Kind::exhausted, "json.too_large", "The JSON text holds too many values.");
  }
  bool open(Json container) {
    if (!count()) return false;
    if (stack_.size() >= limits_.depth_max) {
      return refuse(Kind::exhausted, "json.too_deep",
                    fmt::format("The JSON text nests deeper than {} levels.", limits_.depth_max));
    }
    stack_.push_back(Frame{std::move(container), {}});
    return true;
  }
  bool close() {
    Json done = std::move(stack_.back().value);
    stack_.pop_back();
    attach(std::move(done));
    return true;
  }
  bool add(Json value) {
    if (!count()) return false;
    attach(std::move(value));
    return true;
  }
  void attach(Json value) {
    if (stack_.empty()) {
      root_ = std::move(value);
    } else if (stack_.back().value.fields() != nullptr) {
      stack_.back().value.set(stack_.back().key, std::move(value));
    } else {
      stack_.back().value.push(std::move(value));
    }
  }

  const JsonLimits& limits_;
  std::vector<Frame> stack_;
  Json root_;
  std::size_t values_ = 0;
  std::optional<Error> error_;
};

}  // namespace

// A whole number has one type, however it was made or spelled.
Json::Json(double value) {
  if (value == std::trunc(value) && std::abs(value) <= static_cast<double>(integer_max)) {
    value_ = static_cast<std::int64_t>(value);
  } else {
    value_ = value;
  }
}

std::optional<double> Json::number() const {
  if (const auto* whole = integer()) return static_cast<double>(*whole);
  if (const auto* part = real()) return *part;
  return std::nullopt;
}

const Json* Json::find(std::string_view key) const {
  const Object* object = fields();
  if (object == nullptr) return nullptr;
  const auto at = object->find(key);
  return at == object->end() ? nullptr : &at->second;
}

Json& Json::set(std::string_view key, Json value) {
  if (is_null()) value_ = Object{};
  auto* object = std::get_if<Object>(&value_);
  ensure(object != nullptr, "fields are set on objects");
  object->insert_or_assign(std::string(key), std::move(value));
  return *this;
}

Json& Json::push(Json value) {
  if (is_null()) value_ = Array{};
  auto* array = std::get_if<Array>(&value_);
  ensure(array != nullptr, "values are pushed on arrays");
  array->push_back(std::move(value));
  return *this;
}

Result<Json> parse_json(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes_max) {
    return fail(
        Kind::exhausted, "json.too_large",
        fmt::format("The JSON text has {} bytes; {} is the limit.", text.size(), limits.bytes_max));
  }
  // The parser below takes a zero byte for the end, and says nothing of what follows.
  if (const auto end = text.find('\0'); end != std::string_view::npos) {
    return fail(Kind::invalid, "json.syntax",
                fmt::format("The text is not JSON (at byte {}).", end + 1));
  }
  Builder builder(limits);
  try {
    nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  } catch (const nlohmann::json::exception&) {
    return fail(Kind::invalid, "json.syntax", "The text is not JSON.");
  }
  return builder.finish();
}

namespace {
tl::unexpected<Error> bad_field(std::string_view key, std::string_view wanted) {
  return fail(Kind::invalid, "json.field",
              fmt::format("The field '{}' is missing or is not {}.", key, wanted));
}
}  // namespace

Result<std::string> text_at(const Json& object, std::string_view key) {
  const Json* field = object.find(key);
  if (field == nullptr || field->text() == nullptr) return bad_field(key, "a text");
  return *field->text();
}

Result<std::uint64_t> count_at(const Json& object, std::string_view key) {
  const Json* field = object.find(key);
  if (field == nullptr || field->integer() == nullptr || *field->integer() < 0) {
    return bad_field(key, "a whole number from 0");
  }
  return static_cast<std::uint64_t>(*field->integer());
}

Result<Digest> digest_at(const Json& object, std::string_view key) {
  const auto text = text_at(object, key);
  if (!text) return bad_field(key, "a SHA-256 digest in hexadecimal");
  const auto digest = digest_from_hex(*text);
  if (!digest) return bad_field(key, "a SHA-256 digest in hexadecimal");
  return *digest;
}

Result<Bytes> base64_at(const Json& object, std::string_view key) {
  const auto text = text_at(object, key);
  if (!text) return bad_field(key, "base64");
  auto bytes = from_base64(*text);
  if (!bytes) return bad_field(key, "base64");
  return bytes;
}

std::string text_or_empty(const Json& object, std::string_view key) {
  const Json* field = object.find(key);
  return field == nullptr || field->text() == nullptr ? std::string() : *field->text();
}

}  // namespace cloister::provenance
