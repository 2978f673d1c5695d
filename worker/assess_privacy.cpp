#include <fmt/format.h>

#include <set>

#include "imaging/overlay.h"
#include "networks/score.h"
#include "networks/views.h"
#include "privacy/gate.h"
#include "worker/kinds.h"
#include "worker/site_data.h"
#include "worker/study_options.h"

namespace cloister::worker {
namespace {

using imaging::Split;
using nlohmann::json;

// Patients that no encoder was trained on: tuning and evaluation.
std::vector<NumberedCase> held_out_cases(const SiteMap& map) {
  std::vector<NumberedCase> cases = map.of(Split::tune);
  for (NumberedCase& numbered : map.of(Split::test)) cases.push_back(std::move(numbered));
  return cases;
}

// The codes as they travel: encoded, and rounded to half precision.
Result<networks::FloatTensor> travelling_codes(JobContext& context,
                                               const networks::SliceSet& slices) {
  const auto encoder = context.encoder("image-encoder");
  if (!encoder) return pass(encoder);
  const auto codes = encoder->get().encode(slices);
  if (!codes) return codes;
  const auto bytes = networks::write_codes(*codes);
  if (!bytes) return pass(bytes);
  return networks::read_codes(*bytes);
}

Result<std::vector<double>> mask_ceilings(JobContext& context, const networks::SliceSet& slices) {
  const auto encoder = context.encoder("mask-encoder");
  if (!encoder) return pass(encoder);
  const auto decoder = context.decoder("mask-decoder");
  if (!decoder) return pass(decoder);
  const auto codes = encoder->get().encode(slices);
  if (!codes) return pass(codes);
  const auto probabilities = decoder->get().decode(*codes);
  if (!probabilities) return pass(probabilities);
  const auto predicted = networks::most_probable(*probabilities);
  const auto structures = static_cast<int>(context.plan()->get().structures.size());
  return networks::dice_by_structure({predicted, slices.labels, slices.volume, slices.pixels()},
                                     structures);
}

Result<privacy::GateInput> gate_input(JobContext& context) {
  const auto plan = context.plan();
  if (!plan) return pass(plan);
  const auto budget = budget_of(plan->get());
  if (!budget) return pass(budget);
  const auto encoder = context.input("image-encoder");
  if (!encoder) return pass(encoder);
  const auto decoder = context.input("image-decoder");
  if (!decoder) return pass(decoder);
  const auto map = site_map_of(context);
  if (!map) return pass(map);
  auto held_out = load_slices(context, *map, held_out_cases(*map));
  if (!held_out) return pass(std::move(held_out));
  auto own = load_slices(context, *map, map->of(Split::train));
  if (!own) return pass(std::move(own));
  auto codes = travelling_codes(context, held_out->slices);
  if (!codes) return pass(std::move(codes));
  auto ceilings = mask_ceilings(context, held_out->slices);
  if (!ceilings) return pass(std::move(ceilings));
  privacy::GateInput input;
  input.held_out = std::move(held_out->slices);
  input.codes = std::move(*codes);
  input.own = std::move(own->slices);
  input.image_encoder.assign(encoder->begin(), encoder->end());
  input.image_decoder.assign(decoder->begin(), decoder->end());
  input.mask_ceilings = std::move(*ceilings);
  input.mask_patients = held_out->patients;
  for (const protocol::Threshold& threshold : plan->get().gate) {
    input.thresholds.push_back(
        {threshold.indicator, threshold.pass, threshold.fail, threshold.higher_is_better});
  }
  input.foreign = budget->image;
  input.foreign.recipe.steps = plan->get().budget.attack_steps;
  input.seed = plan->get().seed;
  return input;
}

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

// Original, attack, own decoder, side by side: they stay at the site.
Result<void> send_examples(JobContext& context, const privacy::GateReport& report) {
  int number = 0;
  for (const privacy::Example& example : report.examples) {
    imaging::ImageStack stack{3, static_cast<std::size_t>(report.height),
                              static_cast<std::size_t>(report.width), example.original};
    stack.values.insert(stack.values.end(), example.attack.begin(), example.attack.end());
    stack.values.insert(stack.values.end(), example.own_decoder.begin(), example.own_decoder.end());
    const auto png = imaging::render_strip(stack, 3);
    if (!png) return pass(png);
    context.artifact(fmt::format("examples/{:02}.png", ++number), *png);
  }
  return {};
}

}  // namespace

Result<json> assess_privacy(JobContext& context) {
  const auto input = gate_input(context);
  if (!input) return pass(input);
  const auto report =
      privacy::assess(*input, context.training("attacking the codes", input->foreign.recipe.steps));
  if (!report) return pass(report);
  json result{{"verdict", privacy::to_string(report->verdict)},
              {"strongest_attack", report->strongest_attack},
              {"own_decoder_top1", report->own_decoder_top1},
              {"seed", report->seed},
              {"attack_steps", report->attack_steps},
              {"indicators", json::array()}};
  for (const privacy::Indicator& indicator : report->indicators) {
    result["indicators"].push_back(to_json(indicator));
  }
  if (auto sent = send_examples(context, *report); !sent) return pass(std::move(sent));
  context.document("gate-report", result);
  return result;
}

}  // namespace cloister::worker
