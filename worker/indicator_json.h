// An indicator as README.md describes it.
#pragma once

#include <nlohmann/json.hpp>

#include "privacy/gate.h"
#include "protocol/plan.h"

namespace cloister::worker {

[[nodiscard]] nlohmann::json to_json(const privacy::Indicator& indicator);
[[nodiscard]] std::vector<privacy::GateThreshold> thresholds_of(const protocol::StudyPlan& plan);

}  // namespace cloister::worker
