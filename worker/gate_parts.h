// The gate, from a plan and to JSON, for the jobs that run it or a part of it.
#pragma once

#include <nlohmann/json.hpp>

#include "networks/budget.h"
#include "privacy/gate.h"
#include "protocol/plan.h"

namespace cloister::worker {

[[nodiscard]] nlohmann::json to_json(const privacy::Indicator& indicator);
[[nodiscard]] nlohmann::json to_json(const privacy::GateReport& report);
[[nodiscard]] std::vector<privacy::GateThreshold> thresholds_of(const protocol::StudyPlan& plan);

// Thresholds, seed, and the networks that the attackers train: of the site's kind, never hardened.
void set_attackers(privacy::GateInput& input, const networks::Budget& budget,
                   const protocol::StudyPlan& plan);

}  // namespace cloister::worker
