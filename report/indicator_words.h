// What the gate's indicators mean, for people who never heard of them.
#pragma once

#include <string_view>

namespace cloister::report {

struct IndicatorWords {
  std::string_view name;      // as in the plan: "re-identification"
  std::string_view plain;     // what the value is
  std::string_view attacker;  // who would do this
};

// Empty words for an indicator that this version does not know.
[[nodiscard]] IndicatorWords indicator_words(std::string_view name);

}  // namespace cloister::report
