#include "worker/gate_parts.h"

namespace cloister::worker {

using nlohmann::json;

json to_json(const privacy::Indicator& indicator) {
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

json to_json(const privacy::GateReport& report) {
  json result{{"verdict", privacy::to_string(report.verdict)},
              {"strongest_attack", report.strongest_attack},
              {"own_decoder_top1", report.own_decoder_top1},
              {"seed", report.seed},
              {"attack_steps", report.attack_steps},
              {"notes", report.notes},
              {"indicators", json::array()}};
  for (const privacy::Indicator& indicator : report.indicators) {
    result["indicators"].push_back(to_json(indicator));
  }
  return result;
}

void set_attackers(privacy::GateInput& input, const networks::Budget& budget,
                   const protocol::StudyPlan& plan) {
  input.foreign = budget.image;
  input.foreign.learning = networks::EncoderLearning::reconstruct;
  input.foreign.recipe.steps = plan.budget.attack_steps;
  input.foreign_mask = budget.mask;
  input.foreign_mask.recipe.steps = plan.budget.attack_steps;
  input.thresholds = thresholds_of(plan);
  input.seed = plan.seed;
}

}  // namespace cloister::worker
