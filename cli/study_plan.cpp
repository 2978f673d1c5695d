#include "cli/study_plan.h"

#include "base/file.h"
#include "crypto/hash.h"
#include "protocol/plan.h"

namespace cloister::cli {
namespace {

std::string joined(const std::vector<std::string>& items) {
  std::string out;
  for (const auto& item : items) out += (out.empty() ? "" : ", ") + item;
  return out;
}

std::string deadline_words(const protocol::StudyPlan& plan) {
  if (plan.deadline.empty()) return "none";
  return fmt::format("{} (UTC): nothing new is encoded or trained after that day{}", plan.deadline,
                     protocol::is_over(plan, SystemClock().now()) ? "; IT IS OVER" : "");
}

std::string gate_lines(const protocol::StudyPlan& plan) {
  std::string out;
  for (const protocol::Threshold& one : plan.gate) {
    out += one.higher_is_better ? fmt::format("    {:<24} pass from {:g}, fail below {:g}\n",
                                              one.indicator, one.pass, one.fail)
                                : fmt::format("    {:<24} pass up to {:g}, fail above {:g}\n",
                                              one.indicator, one.pass, one.fail);
  }
  return out;
}

}  // namespace

Result<Answer> check_plan(const std::filesystem::path& path) {
  auto text = read_text(path, 4U << 20);
  if (!text) return pass(text);
  auto plan = protocol::plan_from_toml(*text, path.filename().string());
  if (!plan) return pass(plan);
  const std::string json = protocol::to_json(*plan);
  const std::string digest = to_hex(crypto::sha256(as_bytes(json)));
  Answer answer;
  answer.text = fmt::format(
      "{} is a good plan.\n"
      "  study        {} (version {}): {}\n"
      "  sites        {}; quorum {}, release after {} approvals\n"
      "  structures   {}\n"
      "  mode         {} (encoder {}, backbone {}, pooling {}), budget {}\n"
      "  images       {} x {} pixels at {:g} mm; encoded views of each slice: {}\n"
      "  steps        image encoder {}, mask encoder {}, shared network {}\n"
      "  deadline     {}\n"
      "  gate\n{}"
      "  digest       {}\n"
      "Next: cloister study open {}\n",
      path.string(), plan->study, plan->version, plan->title, joined(plan->sites), plan->quorum,
      plan->release_approvals, joined(plan->structures), plan->preset, plan->encoder,
      plan->backbone + (plan->parts.own_segmentation ? " whose segmentation counts half" : ""),
      plan->pooling, plan->budget.name, plan->budget.size_px, plan->budget.size_px,
      plan->budget.spacing_mm, plan->budget.views, plan->budget.image_encoder_steps,
      plan->budget.mask_encoder_steps, plan->budget.segmentation_steps, deadline_words(*plan),
      gate_lines(*plan), digest, path.string());
  auto parsed = provenance::parse_json(json);
  if (!parsed) return pass(parsed);
  answer.json.set("plan", std::move(*parsed)).set("digest", digest);
  add_warnings(answer, *plan);
  return answer;
}

std::vector<std::string> plan_warnings(const protocol::StudyPlan& plan) {
  if (plan.quorum * 2 > plan.sites.size()) return {};
  return {fmt::format(
      "quorum {} is not more than half of {} sites. What waits for witnesses then waits for groups "
      "that need share no site, so a dishonest coordinator could show each of them another "
      "history. "
      "Ask for {} or more.",
      plan.quorum, plan.sites.size(), plan.sites.size() / 2 + 1)};
}

void add_warnings(Answer& answer, const protocol::StudyPlan& plan) {
  provenance::Json list = provenance::Json::array();
  for (const std::string& warning : plan_warnings(plan)) {
    answer.text += fmt::format("Warning: {}\n", warning);
    list.push(warning);
  }
  answer.json.set("warnings", std::move(list));
}

}  // namespace cloister::cli
