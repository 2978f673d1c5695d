// Private to the codec: single values out of a parsed message, each within its limit.
//
// Collects the first error and goes on with empty values, so that the reading of a message is a
// plain list of its fields; the error is asked for once at the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"
#include "protocol/roles.h"

namespace cloister::protocol::codec {

class Fields {
 public:
  // At most / exactly so many bytes.
  [[nodiscard]] Bytes bytes(std::string_view field, const std::string& value, std::size_t max);
  [[nodiscard]] Bytes exactly(std::string_view field, const std::string& value, std::size_t size);
  [[nodiscard]] Bytes none_or(std::string_view field, const std::string& value, std::size_t size);
  [[nodiscard]] std::string text(std::string_view field, const std::string& value, std::size_t max);
  // 32 bytes; an optional digest is empty on the wire when zero, and never 32 zero bytes.
  [[nodiscard]] Digest digest(std::string_view field, const std::string& value);
  [[nodiscard]] Digest optional_digest(std::string_view field, const std::string& value);
  template <class T>
  [[nodiscard]] T id(std::string_view field, const std::string& value) {
    auto parsed = T::parse(value);
    if (!parsed) wrong(field, "is no valid name");
    return parsed.value_or(T{});
  }
  template <class T>
  [[nodiscard]] T optional_id(std::string_view field, const std::string& value) {
    return value.empty() ? T{} : id<T>(field, value);
  }
  // The text of a SiteId, or empty.
  [[nodiscard]] std::string site(const std::string& value);
  [[nodiscard]] Role role(int value);
  [[nodiscard]] double finite(std::string_view field, double value);
  template <class T>
  [[nodiscard]] T at_most(std::string_view field, T value, T max) {
    if (value > max) wrong(field, "is out of range");
    return value > max ? T{} : value;
  }
  // False (and an error) for too many; the caller then reads none of them.
  [[nodiscard]] bool count(std::string_view field, int count, std::size_t max);
  void wrong(std::string_view field, std::string_view why);

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  std::optional<Error> error_;
};

// What a Protocol Buffers string or bytes field wants.
[[nodiscard]] std::string to_string(BytesView bytes);
[[nodiscard]] std::string to_string(const Digest& digest);
[[nodiscard]] std::string optional_to_string(const Digest& digest);
[[nodiscard]] bool is_utf8(std::string_view text);
// Valid UTF-8 as it is; otherwise every byte beyond ASCII becomes '?' (a path in an error, say).
[[nodiscard]] std::string utf8(std::string_view text);

}  // namespace cloister::protocol::codec
