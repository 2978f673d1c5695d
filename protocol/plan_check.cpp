#include "protocol/plan_check.h"

#include <algorithm>
#include <set>

namespace cloister::protocol {
namespace {

void check_names(const StudyPlan& plan, std::vector<PlanProblem>& problems) {
  if (!is_valid_id(plan.study.text())) {
    problems.emplace_back("study", "must be lower-case letters, digits and '-'");
  }
  if (plan.study.text().size() > 40) problems.emplace_back("study", "at most 40 characters");
  for (const std::string& site : plan.sites) {
    if (!is_valid_id(site) || site.size() > 40) {
      problems.emplace_back("sites",
                            fmt::format("'{}' cannot be the name of a site", site.substr(0, 60)));
    }
  }
  if (std::set<std::string>(plan.sites.begin(), plan.sites.end()).size() != plan.sites.size()) {
    problems.emplace_back("sites", "names a site twice");
  }
  if (std::set<std::string>(plan.structures.begin(), plan.structures.end()).size() !=
      plan.structures.size()) {
    problems.emplace_back("structures", "names a structure twice");
  }
}

void check_numbers(const StudyPlan& plan, std::vector<PlanProblem>& problems) {
  if (plan.sites.empty()) problems.emplace_back("sites", "needs at least one site");
  if (plan.structures.empty() || plan.structures.size() > 32) {
    problems.emplace_back("structures", "needs 1 to 32 label names");
  }
  if (plan.quorum > plan.sites.size()) {
    problems.emplace_back(
        "quorum", fmt::format("{} sites are asked for, but the plan names only {}", plan.quorum,
                              plan.sites.size()));
  }
  if (plan.release_approvals > plan.sites.size()) {
    problems.emplace_back("release_approvals", "more approvals than sites can never be reached");
  }
  if (!plan.deadline.empty() && !offers_end(plan)) {
    problems.emplace_back("deadline", fmt::format("'{}' is no date; write it like \"2027-03-31\"",
                                                  plan.deadline.substr(0, 40)));
  }
  if (const std::uint32_t size = plan.budget.size_px; size % 16 != 0) {
    const std::uint32_t below = size / 16 * 16;
    problems.emplace_back("budget.size_px",
                          fmt::format("is {}; it must be a multiple of 16, like {} or {}: the code "
                                      "grid is 1/16 of it",
                                      size, below, below + 16));
  }
}

void check_modes(const StudyPlan& plan, std::vector<PlanProblem>& problems) {
  if (plan.preset == "paper" && plan.pooling != "plain") {
    problems.emplace_back("pooling", "the preset 'paper' pools plainly; use the preset 'adapted'");
  }
  for (const std::string_view preset : {"adapted", "guided", "hardened"}) {
    if (plan.preset != preset || plan.pooling == modes_of(preset).pooling) continue;
    problems.emplace_back(
        "pooling", fmt::format("the preset '{}' pools '{}'", preset, modes_of(preset).pooling));
  }
  if ((plan.preset == "hardened") != (plan.encoder == "hardened")) {
    problems.emplace_back("encoder", "the preset and the encoder 'hardened' belong together");
  }
  if (plan.preset == "paper" && plan.encoder != "reconstruct") {
    problems.emplace_back("encoder", "the preset 'paper' reconstructs; use the preset 'adapted'");
  }
  if (plan.encoder == "reconstruct" && plan.backbone != "none") {
    problems.emplace_back(
        "backbone", fmt::format("'{}' learns to segment, and the encoder 'reconstruct' does not: "
                                "use the encoder 'task', or the backbone 'none'",
                                plan.backbone));
  }
  if (plan.parts.own_segmentation && plan.backbone == "none") {
    problems.emplace_back("parts.own_segmentation",
                          "needs a backbone that segments: backbone = \"unet\"");
  }
  if (plan.pooling == "guided" && !plan.mask_decoder_leaves) {
    problems.emplace_back("mask_decoder_leaves",
                          "must be true in a guided study: the trainer gets every site's mask "
                          "decoder and can read its masks, so the plan has to say so");
  }
  if (plan.pooling != "guided" && plan.mask_decoder_leaves) {
    problems.emplace_back("mask_decoder_leaves", "only a guided study needs a mask decoder");
  }
  if (plan.preset == "paper" && plan.budget.test_time_views > 1) {
    problems.emplace_back(
        "budget.test_time_views",
        fmt::format(
            "is {}; the preset 'paper' predicts from one view: set it to 1, or leave it out",
            plan.budget.test_time_views));
  }
  // That it is missing was said when the plan was read.
  const bool is_there = !plan.trainer_seal_key.empty();
  if (is_there && (plan.trainer_seal_key.size() != 64 || !from_hex(plan.trainer_seal_key))) {
    problems.emplace_back("trainer_seal_key", "must be the trainer's key: 64 hexadecimal digits");
  }
}

}  // namespace

std::vector<PlanProblem> contradictions(const StudyPlan& plan) {
  std::vector<PlanProblem> problems;
  check_names(plan, problems);
  check_numbers(plan, problems);
  check_modes(plan, problems);
  return problems;
}

}  // namespace cloister::protocol
