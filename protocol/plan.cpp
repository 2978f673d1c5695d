#include "protocol/plan.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "config/fields.h"
#include "protocol/plan_check.h"

namespace cloister::protocol {
namespace {

using nlohmann::json;

std::uint32_t count(const config::Fields& fields, std::string_view key, std::uint32_t fallback,
                    std::int64_t max, std::int64_t min = 1) {
  return static_cast<std::uint32_t>(fields.whole(key, fallback, {min, max}));
}

// The preset named in the plan, with single numbers overridden. A plan that overrides keeps the
// name.
Budget read_budget(const config::Fields& root, std::string_view backbone) {
  const config::Fields fields = root.table("budget");
  const std::string name = fields.word("name", "quick", {"quick", "standard", "full", "custom"});
  Budget budget = budget_preset(name, backbone).value_or(Budget{});
  budget.name = name;
  constexpr std::int64_t steps_max = 10'000'000;
  budget.spacing_mm = fields.real("spacing_mm", budget.spacing_mm, {0.0, 20.0});
  budget.size_px = count(fields, "size_px", budget.size_px, 1024, 16);
  budget.image_encoder_steps =
      count(fields, "image_encoder_steps", budget.image_encoder_steps, steps_max);
  budget.mask_encoder_steps =
      count(fields, "mask_encoder_steps", budget.mask_encoder_steps, steps_max);
  budget.segmentation_steps =
      count(fields, "segmentation_steps", budget.segmentation_steps, steps_max);
  budget.tune_steps = count(fields, "tune_steps", budget.tune_steps, steps_max, 0);
  budget.attack_steps = count(fields, "attack_steps", budget.attack_steps, steps_max);
  budget.encoder_batch = count(fields, "encoder_batch", budget.encoder_batch, 1024);
  budget.segmentation_batch = count(fields, "segmentation_batch", budget.segmentation_batch, 1024);
  budget.views = count(fields, "views", budget.views, 64);
  budget.test_time_views = count(fields, "test_time_views", budget.test_time_views, 16);
  budget.levels = count(fields, "levels", budget.levels, 4);
  return budget;
}

// A person's entry replaces the default of its indicator: leaving one out must not drop a check. A
// signed plan (JSON) says all of its own.
enum class GateText { adds_to_defaults, is_whole };
// What a reader hands back for a number that is missing or of another type.
constexpr double no_number = config::RealRange().min;

// Only of two numbers that were really given: a missing one is a problem of its own.
void check_order(const config::Fields& fields, const Threshold& given) {
  if (given.pass == no_number || given.fail == no_number) return;
  const bool is_ordered =
      given.higher_is_better ? given.pass >= given.fail : given.pass <= given.fail;
  if (is_ordered) return;
  fields.problem(
      "pass",
      fmt::format("is {:g}, and fail is {:g}: the wrong way round for '{}', where "
                  "{} is better; pass must be {} fail",
                  given.pass, given.fail, given.indicator, given.higher_is_better ? "more" : "less",
                  given.higher_is_better ? "at least" : "at most"));
}

std::vector<Threshold> read_gate(const config::Fields& root, GateText text) {
  std::vector<Threshold> gate;
  if (text == GateText::adds_to_defaults) gate = default_thresholds();
  for (const config::Fields& fields : root.tables("gate")) {
    const std::string indicator = fields.required_text("indicator");
    const auto known = std::find_if(
        gate.begin(), gate.end(), [&](const Threshold& one) { return one.indicator == indicator; });
    const bool more_is_better = known != gate.end() && known->higher_is_better;
    Threshold given{indicator, fields.required_real("pass"), fields.required_real("fail"),
                    fields.truth("higher_is_better", more_is_better)};
    check_order(fields, given);
    if (known == gate.end()) {
      gate.push_back(std::move(given));
    } else {
      *known = std::move(given);
    }
  }
  return gate.empty() ? default_thresholds() : gate;
}

Hardening read_hardening(const config::Fields& root) {
  const config::Fields fields = root.table("hardening");
  Hardening hardening;
  hardening.reconstruction_weight =
      fields.real("reconstruction_weight", hardening.reconstruction_weight, {0.0, 100.0});
  hardening.adversary_weight =
      fields.real("adversary_weight", hardening.adversary_weight, {0.0, 100.0});
  hardening.code_channels = count(fields, "code_channels", hardening.code_channels, 128);
  hardening.code_bits = count(fields, "code_bits", hardening.code_bits, 8, 0);
  hardening.code_noise = fields.real("code_noise", hardening.code_noise, {0.0, 10.0});
  return hardening;
}

// `own_segmentation`: where the plan does not say.
Parts read_parts(const config::Fields& root, bool own_segmentation) {
  const config::Fields fields = root.table("parts");
  Parts parts;
  parts.augmentation = fields.truth("augmentation", parts.augmentation);
  parts.code_noise = fields.truth("code_noise", parts.code_noise);
  parts.averaged_weights = fields.truth("averaged_weights", parts.averaged_weights);
  parts.largest_component = fields.truth("largest_component", parts.largest_component);
  parts.temperature = fields.truth("temperature", parts.temperature);
  parts.own_segmentation = fields.truth("own_segmentation", own_segmentation);
  return parts;
}

void read_people(const config::Fields& root, StudyPlan& plan) {
  plan.study = StudyId::trusted(root.required_text("study"));
  plan.title = root.required_text("title");
  plan.purpose = root.required_text("purpose");
  plan.legal_basis = root.required_text("legal_basis");
  plan.owner = root.required_text("owner");
  plan.trainer = root.required_text("trainer");
  plan.trainer_seal_key = root.required_text("trainer_seal_key");
  plan.sites = root.texts("sites");
  plan.structures = root.texts("structures");
}

StudyPlan read_plan(const config::Fields& root, GateText gate) {
  StudyPlan plan;
  read_people(root, plan);
  plan.version = count(root, "version", 1, 1'000'000);
  plan.quorum =
      count(root, "quorum", static_cast<std::uint32_t>(std::max<std::size_t>(1, plan.sites.size())),
            10'000);
  plan.release_approvals = count(root, "release_approvals", plan.quorum, 10'000);
  plan.preset = root.word("preset", "adapted", {"paper", "adapted", "guided", "hardened"});
  const Modes modes = modes_of(plan.preset);
  plan.encoder =
      root.word("encoder", std::string(modes.encoder), {"reconstruct", "task", "hardened"});
  // Canonical JSON leaves out what people's TOML takes the better one for.
  const auto open =
      gate == GateText::is_whole ? std::string_view("none") : backbone_of(plan.encoder);
  plan.backbone = root.word("backbone", std::string(open), {"none", "unet"});
  plan.pooling = root.word("pooling", std::string(modes.pooling), {"plain", "adapted", "guided"});
  plan.mask_decoder_leaves = root.truth("mask_decoder_leaves", false);
  plan.hardening = read_hardening(root);
  plan.parts = read_parts(root, gate != GateText::is_whole && plan.backbone != "none");
  plan.budget = read_budget(root, plan.backbone);
  if (plan.preset == "paper" && !root.table("budget").has("test_time_views"))
    plan.budget.test_time_views = 1;
  plan.seed = static_cast<std::uint64_t>(root.whole("seed", 1));
  plan.patients_min = count(root, "patients_min", 2, 1'000'000, 2);
  plan.mask_ceiling_min = root.real("mask_ceiling_min", 0.90, {0.0, 1.0});
  plan.gate = read_gate(root, gate);
  plan.retention_days = count(root, "retention_days", 365, 36'500);
  plan.deadline = root.text("deadline", "");
  return plan;
}

// "budget.size_px" is told where it stands: at its line of its table.
void tell(const config::Fields& root, const PlanProblem& problem) {
  const auto& [key, sentence] = problem;
  const auto dot = key.find('.');
  if (dot == std::string::npos) return root.problem(key, sentence);
  root.table(key.substr(0, dot)).problem(key.substr(dot + 1), sentence);
}

Result<StudyPlan> read_document(Result<config::Document> document, GateText gate) {
  if (!document) return pass(document);
  const config::Fields root = document->root();
  StudyPlan plan = read_plan(root, gate);
  for (const PlanProblem& problem : contradictions(plan)) tell(root, problem);
  if (auto checked = document->check(); !checked) {
    Error error = checked.error();
    error.code = "plan.invalid";
    return tl::unexpected<Error>(std::move(error));
  }
  return plan;
}

json budget_json(const Budget& budget) {
  return {{"name", budget.name},
          {"spacing_mm", budget.spacing_mm},
          {"size_px", budget.size_px},
          {"image_encoder_steps", budget.image_encoder_steps},
          {"mask_encoder_steps", budget.mask_encoder_steps},
          {"segmentation_steps", budget.segmentation_steps},
          {"tune_steps", budget.tune_steps},
          {"attack_steps", budget.attack_steps},
          {"encoder_batch", budget.encoder_batch},
          {"segmentation_batch", budget.segmentation_batch},
          {"views", budget.views},
          {"test_time_views", budget.test_time_views},
          {"levels", budget.levels}};
}

json hardening_json(const Hardening& hardening) {
  return {{"reconstruction_weight", hardening.reconstruction_weight},
          {"adversary_weight", hardening.adversary_weight},
          {"code_channels", hardening.code_channels},
          {"code_bits", hardening.code_bits},
          {"code_noise", hardening.code_noise}};
}

json parts_json(const Parts& parts) {
  return {{"augmentation", parts.augmentation},
          {"code_noise", parts.code_noise},
          {"averaged_weights", parts.averaged_weights},
          {"largest_component", parts.largest_component},
          {"temperature", parts.temperature}};
}

}  // namespace

std::optional<Instant> offers_end(const StudyPlan& plan) {
  if (plan.deadline.empty()) return std::nullopt;
  const auto day = instant_from_rfc3339(plan.deadline + "T00:00:00.000Z");
  if (!day) return std::nullopt;  // refused when the plan was read
  return *day + std::chrono::hours(24);
}

Modes modes_of(std::string_view preset) {
  if (preset == "paper") return {"reconstruct", "plain"};
  // `adapted` means the better of the two encoders, which `task` was (docs/experiments.md).
  if (preset == "guided") return {"task", "guided"};
  if (preset == "hardened") return {"hardened", "adapted"};
  return {"task", "adapted"};
}

std::string_view backbone_of(std::string_view encoder) {
  return encoder == "reconstruct" ? "none" : "unet";
}

Result<Budget> budget_preset(std::string_view name, std::string_view backbone) {
  const bool segments_first = backbone == "unet";
  // The numbers come from docs/experiments.md; networks/budget.cpp holds the rest of each recipe.
  if (name == "quick") {
    return Budget{.name = "quick",
                  .spacing_mm = 2.5,
                  .size_px = 96,
                  .image_encoder_steps = segments_first ? 400U : 600U,
                  .mask_encoder_steps = 700,
                  .segmentation_steps = 1200,
                  .tune_steps = 150,
                  .attack_steps = 150,
                  .encoder_batch = 4,
                  .segmentation_batch = 8,
                  .views = 4,
                  .test_time_views = 1,
                  .levels = 2};
  }
  if (name == "standard") {
    return Budget{.name = "standard",
                  .spacing_mm = 1.5,
                  .size_px = 192,
                  .image_encoder_steps = segments_first ? 6000U : 8000U,
                  .mask_encoder_steps = 8000,
                  .segmentation_steps = 4500,
                  .tune_steps = 400,
                  .attack_steps = 600,
                  .encoder_batch = 4,
                  .segmentation_batch = 8,
                  .views = 8,
                  .test_time_views = 3,
                  .levels = 2};
  }
  if (name == "full") {
    return Budget{.name = "full",
                  .spacing_mm = 1.25,
                  .size_px = 224,
                  .image_encoder_steps = 30'000,
                  .mask_encoder_steps = 30'000,
                  .segmentation_steps = 40'000,
                  .tune_steps = 1'500,
                  .attack_steps = 5'000,
                  .encoder_batch = 16,
                  .segmentation_batch = 32,
                  .views = 16,
                  .test_time_views = 5,
                  .levels = 4};
  }
  return fail(Kind::invalid, "plan.unknown_budget",
              fmt::format("There is no budget '{}'.", name.substr(0, 40)),
              "Use quick, standard or full.");
}

std::vector<Threshold> default_thresholds() {
  return {{"re-identification", 0.05, 0.20, false}, {"channel-correlation", 0.5, 0.7, false},
          {"surrogate-decoder", 0.10, 0.30, false}, {"known-plaintext-pairs", 64, 16, true},
          {"foreign-decoder", 0.15, 0.30, false},   {"mask-leakage", 0.05, 0.15, false},
          {"attribute-probe", 0.05, 0.10, false},   {"membership-auc", 0.55, 0.60, false},
          {"membership-tpr", 0.02, 0.05, false},    {"mask-ceiling", 0.93, 0.90, true}};
}

std::string to_json(const StudyPlan& plan) {
  json gate = json::array();
  for (const Threshold& threshold : plan.gate) {
    gate.push_back({{"indicator", threshold.indicator},
                    {"pass", threshold.pass},
                    {"fail", threshold.fail},
                    {"higher_is_better", threshold.higher_is_better}});
  }
  json document{{"study", plan.study.text()},
                {"version", plan.version},
                {"title", plan.title},
                {"purpose", plan.purpose},
                {"legal_basis", plan.legal_basis},
                {"owner", plan.owner},
                {"trainer", plan.trainer},
                {"trainer_seal_key", plan.trainer_seal_key},
                {"sites", plan.sites},
                {"quorum", plan.quorum},
                {"release_approvals", plan.release_approvals},
                {"structures", plan.structures},
                {"preset", plan.preset},
                {"encoder", plan.encoder},
                {"pooling", plan.pooling},
                {"mask_decoder_leaves", plan.mask_decoder_leaves},
                {"hardening", hardening_json(plan.hardening)},
                {"parts", parts_json(plan.parts)},
                {"budget", budget_json(plan.budget)},
                {"seed", plan.seed},
                {"patients_min", plan.patients_min},
                {"mask_ceiling_min", plan.mask_ceiling_min},
                {"gate", gate},
                {"retention_days", plan.retention_days}};
  // Left out where there is none: plans from before there were any keep their digests.
  if (!plan.deadline.empty()) document["deadline"] = plan.deadline;
  if (plan.backbone != "none") document["backbone"] = plan.backbone;
  if (plan.parts.own_segmentation) document["parts"]["own_segmentation"] = true;
  return document.dump();
}

Result<StudyPlan> plan_from_json(std::string_view text) {
  return read_document(config::Document::from_json(text, "plan"), GateText::is_whole);
}

Result<StudyPlan> plan_from_toml(std::string_view toml, std::string_view file_name) {
  return read_document(config::Document::from_toml(toml, file_name), GateText::adds_to_defaults);
}

}  // namespace cloister::protocol
