// From a study's signed plan to the options of imaging and networks.
#pragma once

#include "base/result.h"
#include "imaging/dataset.h"
#include "imaging/preprocess.h"
#include "networks/budget.h"
#include "protocol/plan.h"

namespace cloister::worker {

[[nodiscard]] imaging::PreprocessPlan preprocess_plan(const protocol::StudyPlan& plan);

// The preset of the budget's name with the plan's own numbers.
[[nodiscard]] Result<networks::Budget> budget_of(const protocol::StudyPlan& plan);

}  // namespace cloister::worker
