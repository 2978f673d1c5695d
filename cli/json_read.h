// Reading answers of other processes that are for people: what is missing is shown as nothing.
#pragma once

#include <string_view>

#include "base/result.h"
#include "provenance/json.h"

namespace cloister::cli {

[[nodiscard]] inline double number_at(const provenance::Json& json, std::string_view key) {
  const provenance::Json* value = json.find(key);
  return value == nullptr ? 0 : value->number().value_or(0);
}
[[nodiscard]] inline bool truth_at(const provenance::Json& json, std::string_view key) {
  const provenance::Json* value = json.find(key);
  return value != nullptr && value->boolean() != nullptr && *value->boolean();
}
[[nodiscard]] inline provenance::Json::Array items_at(const provenance::Json& json,
                                                      std::string_view key) {
  const provenance::Json* value = json.find(key);
  return value != nullptr && value->items() != nullptr ? *value->items()
                                                       : provenance::Json::Array{};
}
[[nodiscard]] inline provenance::Json object_at(const provenance::Json& json,
                                                std::string_view key) {
  const provenance::Json* value = json.find(key);
  return value != nullptr && value->fields() != nullptr ? *value : provenance::Json::object();
}

// {kind, code, what, next}, as processes tell errors. A kind that we do not know is `unavailable`.
[[nodiscard]] inline Error error_in(const provenance::Json& told) {
  using provenance::text_or_empty;
  return {kind_named(text_or_empty(told, "kind")).value_or(Kind::unavailable),
          text_or_empty(told, "code"), text_or_empty(told, "what"), text_or_empty(told, "next")};
}

}  // namespace cloister::cli
