#include <fmt/format.h>

#include <map>
#include <set>

#include "imaging/overlay.h"
#include "networks/views.h"
#include "privacy/gate.h"
#include "worker/gate_parts.h"
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
Result<networks::FloatTensor> travelling_codes(JobContext& context, const std::string& encoder_name,
                                               const networks::SliceSet& slices) {
  const auto encoder = context.encoder(encoder_name);
  if (!encoder) return pass(encoder);
  const auto codes = encoder->get().encode(slices);
  if (!codes) return codes;
  const auto bytes = networks::write_codes(*codes);
  if (!bytes) return pass(bytes);
  return networks::read_codes(*bytes);
}

// What the layout's table says of the patients. A vendor shows in any image of a centre.
std::vector<privacy::Attribute> attributes_of(const SiteMap& map) {
  std::map<std::string, privacy::Attribute> by_name;
  for (const NumberedCase& numbered : map.cases) {
    for (const auto& [name, value] : numbered.of.attributes) {
      privacy::Attribute& attribute = by_name[name];
      attribute.name = name;
      attribute.warns_only = name == "vendor";
      attribute.value[numbered.number] = value;
    }
  }
  std::vector<privacy::Attribute> attributes;
  for (auto& [name, attribute] : by_name) {
    std::set<std::string> values;
    for (const auto& [patient, value] : attribute.value) values.insert(value);
    if (values.size() > 1) attributes.push_back(std::move(attribute));
  }
  return attributes;
}

Result<privacy::GateInput> gate_input(JobContext& context) {
  const auto plan = context.plan();
  if (!plan) return pass(plan);
  const auto budget = budget_of(plan->get());
  if (!budget) return pass(budget);
  privacy::GateInput input;
  for (const auto& [name, into] :
       {std::pair<const char*, Bytes*>{"image-encoder", &input.image_encoder},
        {"image-decoder", &input.image_decoder},
        {"mask-decoder", &input.mask_decoder}}) {
    const auto network = context.input(name);
    if (!network) return pass(network);
    into->assign(network->begin(), network->end());
  }
  const auto map = site_map_of(context);
  if (!map) return pass(map);
  auto held_out = load_slices(context, *map, held_out_cases(*map));
  if (!held_out) return pass(std::move(held_out));
  auto own = load_slices(context, *map, map->of(Split::train));
  if (!own) return pass(std::move(own));
  auto codes = travelling_codes(context, "image-encoder", held_out->slices);
  if (!codes) return pass(std::move(codes));
  auto mask_codes = travelling_codes(context, "mask-encoder", held_out->slices);
  if (!mask_codes) return pass(std::move(mask_codes));
  input.held_out = std::move(held_out->slices);
  input.codes = std::move(*codes);
  input.mask_codes = std::move(*mask_codes);
  input.own = std::move(own->slices);
  input.structures = static_cast<int>(plan->get().structures.size());
  input.attributes = attributes_of(*map);
  set_attackers(input, *budget, plan->get());
  return input;
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
  const auto report = privacy::assess(
      *input, context.training("attacking the codes", privacy::attack_steps_of(*input)));
  if (!report) return pass(report);
  json result = to_json(*report);
  result["steps_in_all"] = privacy::attack_steps_of(*input);
  if (auto sent = send_examples(context, *report); !sent) return pass(std::move(sent));
  context.document("gate-report", result);
  return result;
}

}  // namespace cloister::worker
