// Verbs about a plan that need nobody else: template and check.
#pragma once

#include <filesystem>

#include "cli/answer.h"
#include "protocol/plan.h"

namespace cloister::cli {

// A good plan, explained: what will run where, how long, what would leave.
[[nodiscard]] Result<Answer> check_plan(const std::filesystem::path& path);

// What is unwise in a plan that is good, one sentence each. A warning and no refusal: the quorum
// also says how many datasets a training needs, and a consortium may want to begin with few.
[[nodiscard]] std::vector<std::string> plan_warnings(const protocol::StudyPlan& plan);
// The same as lines of an answer, and as its field `warnings`.
void add_warnings(Answer& answer, const protocol::StudyPlan& plan);

}  // namespace cloister::cli
