// What makes a plan contradict itself, apart from how it is read.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "protocol/plan.h"

namespace cloister::protocol {

// One problem: the key it is about, and a sentence for the study owner.
using PlanProblem = std::pair<std::string, std::string>;

// All contradictions of a plan whose single fields are already in range. Empty: none.
[[nodiscard]] std::vector<PlanProblem> contradictions(const StudyPlan& plan);

}  // namespace cloister::protocol
