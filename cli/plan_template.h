// The study plan that `cloister study template` prints: every choice, with its reason beside it.
#pragma once

#include <string>

#include "protocol/plan.h"

namespace cloister::cli {

[[nodiscard]] std::string plan_template();
// A plan as TOML that plan_from_toml() reads back to the same value.
[[nodiscard]] std::string plan_toml(const protocol::StudyPlan& plan);

}  // namespace cloister::cli
