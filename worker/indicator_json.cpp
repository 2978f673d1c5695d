#include "worker/indicator_json.h"

namespace cloister::worker {

nlohmann::json to_json(const privacy::Indicator& indicator) {
  return {{"name", indicator.name},
          {"attacker", indicator.attacker},
          {"plain", indicator.plain},
          {"value", indicator.value},
          {"low", indicator.interval.low},
          {"high", indicator.interval.high},
          {"chance", indicator.chance},
          {"threshold",
           {{"pass", indicator.pass},
            {"fail", indicator.fail},
            {"higher_is_better", indicator.higher_is_better}}},
          {"verdict", privacy::to_string(indicator.verdict)},
          {"samples", indicator.samples},
          {"patients", indicator.patients},
          {"gallery", indicator.gallery},
          {"attack_version", indicator.attack_version}};
}

std::vector<privacy::GateThreshold> thresholds_of(const protocol::StudyPlan& plan) {
  std::vector<privacy::GateThreshold> thresholds;
  for (const protocol::Threshold& threshold : plan.gate) {
    thresholds.push_back(
        {threshold.indicator, threshold.pass, threshold.fail, threshold.higher_is_better});
  }
  return thresholds;
}

}  // namespace cloister::worker
