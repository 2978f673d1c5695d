// Reading answers of other processes that are for people: what is missing is shown as nothing.
#pragma once

#include <string_view>

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

}  // namespace cloister::cli
