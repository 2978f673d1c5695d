// Pilots and baselines: see pilot_run.h and README.md.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "worker/kinds.h"
#include "worker/pilot_run.h"
#include "worker/study_options.h"

namespace cloister::worker {
namespace {

using imaging::Split;
using nlohmann::json;

struct Asked {
  std::string id;
  std::filesystem::path root;
  std::string centre;
};

Result<std::vector<Asked>> asked_sites(const JobContext& context) {
  const json& parameters = context.job().parameters;
  const auto found = parameters.find("sites");
  if (found == parameters.end() || !found->is_array() || found->empty()) {
    return tl::unexpected<Error>(bad_job("'sites' is missing"));
  }
  std::vector<Asked> sites;
  for (const json& one : *found) {
    if (!one.is_object() || !one.contains("site") || !one.contains("root") ||
        !one.at("site").is_string() || !one.at("root").is_string()) {
      return tl::unexpected<Error>(bad_job("a site has no name or no folder"));
    }
    sites.push_back(
        {one.at("site"), one.at("root").get<std::string>(), one.value("centre", std::string())});
    if (!sites.back().root.is_absolute()) {
      return tl::unexpected<Error>(bad_job("a site's folder is not absolute"));
    }
  }
  return sites;
}

// The cases of at most `patients_max` patients of a split (0: all).
std::vector<NumberedCase> some_of(const SiteMap& map, Split split, std::int64_t patients_max) {
  std::set<int> patients;
  std::vector<NumberedCase> chosen;
  for (const NumberedCase& numbered : map.of(split)) {
    const bool is_new = !patients.contains(numbered.number);
    if (is_new && patients_max > 0 && static_cast<std::int64_t>(patients.size()) >= patients_max) {
      continue;
    }
    patients.insert(numbered.number);
    chosen.push_back(numbered);
  }
  return chosen;
}

Result<PilotSite> read_site(JobContext& context, const Asked& asked, std::int64_t patients_max) {
  imaging::ScanOptions options;
  options.structures = context.plan()->get().structures;
  options.centre = asked.centre;
  const auto dataset = imaging::scan_dataset(asked.root, options);
  if (!dataset) return pass(dataset);
  PilotSite site;
  site.id = asked.id;
  site.map.name = dataset->name;
  site.map.layout = dataset->layout;
  site.map.labels = dataset->file_labels;
  std::map<std::string, int> numbers;
  for (const imaging::Case& one : dataset->cases) {
    const auto number =
        numbers.emplace(one.patient_id, static_cast<int>(numbers.size()) + 1).first->second;
    site.map.cases.push_back({one, number});
  }
  for (const auto& [split, into] : {std::pair{Split::train, &site.training},
                                    {Split::tune, &site.tuning},
                                    {Split::test, &site.test}}) {
    const auto cases = some_of(site.map, split, patients_max);
    if (cases.empty() && split == Split::tune) continue;
    auto loaded = load_slices(context, site.map, cases);
    if (!loaded) return pass(loaded);
    *into = std::move(*loaded);
  }
  return site;
}

// The plan as its owner would have written it for the literal method.
Result<networks::Budget> paper_budget(protocol::StudyPlan plan) {
  plan.preset = "paper";
  plan.encoder = "reconstruct";
  // As many steps as a plan of its own would have had, unless people chose their number.
  const auto chosen = protocol::budget_preset(plan.budget.name, plan.backbone);
  const auto literal = protocol::budget_preset(plan.budget.name, "none");
  if (chosen && plan.budget.image_encoder_steps == chosen->image_encoder_steps)
    plan.budget.image_encoder_steps = literal->image_encoder_steps;
  plan.backbone = "none";
  plan.pooling = "plain";
  plan.mask_decoder_leaves = false;
  plan.budget.test_time_views = 1;
  return budget_of(plan);
}

std::vector<std::size_t> everyone(std::size_t count) {
  std::vector<std::size_t> all(count);
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

class Pilot {
 public:
  Pilot(JobContext& context, const std::vector<PilotSite>& sites, std::vector<std::string> modes)
      : run_(context, sites), context_(context), count_(sites.size()), modes_(std::move(modes)) {}

  Result<json> perform(bool with_gate) {
    const auto budget = budget_of(context_.plan()->get());
    if (!budget) return pass(budget);
    if (wants("backbone") && budget->image.backbone == networks::Backbone::none)
      return fail(Kind::invalid, "pilot.backbone", "The plan's encoders have no backbone to try.",
                  "Leave the mode 'backbone' out, or set backbone = \"unet\" in the plan.");
    json gates = json::object();
    const bool needs_encoders =
        with_gate || std::any_of(modes_.begin(), modes_.end(), [](const std::string& mode) {
          return mode != "paper" && mode != "plaintext-unet";
        });
    if (needs_encoders) {
      if (auto done = study_modes(*budget, with_gate, gates); !done) return pass(done);
    }
    if (wants("paper")) {
      if (auto done = paper_mode(); !done) return pass(done);
    }
    if (wants("plaintext-unet")) {
      if (auto done = run_.plain_unet(*budget); !done) return pass(done);
    }
    return json{{"scores", run_.scores()}, {"gates", gates}};
  }

 private:
  [[nodiscard]] bool wants(std::string_view mode) const {
    return std::find(modes_.begin(), modes_.end(), mode) != modes_.end();
  }

  Result<void> study_modes(const networks::Budget& budget, bool with_gate, json& gates) {
    const auto mode = run_.train(context_.plan()->get().preset, budget);
    if (!mode) return pass(mode);
    if (wants("study")) {
      auto done = run_.pool(*mode, everyone(count_), mode->name);
      if (!done) return done;
    }
    for (const auto pooling : {networks::Pooling::adapted, networks::Pooling::guided}) {
      const std::string label = fmt::format("pooled {}", networks::to_string(pooling));
      if (!wants(networks::to_string(pooling))) continue;
      if (wants("study") && budget.segmentation.pooling == pooling) continue;  // it has a row
      networks::Budget other = budget;
      other.segmentation.pooling = pooling;
      auto done = run_.pool({mode->name, other, mode->sites}, everyone(count_), label);
      if (!done) return done;
    }
    if (wants("backbone")) {
      if (auto done = run_.backbone(*mode); !done) return done;
    }
    for (std::size_t i = 0; wants("local-only") && i < count_; ++i) {
      if (auto done = run_.pool(*mode, {i}, "local-only"); !done) return done;
    }
    if (wants("mask-ceiling")) {
      if (auto done = run_.ceiling(*mode); !done) return done;
    }
    for (std::size_t i = 0; with_gate && i < count_; ++i) {
      auto told = run_.gate(*mode, i);
      if (!told) return pass(told);
      gates[names_[i]] = std::move(*told);
    }
    return {};
  }

  Result<void> paper_mode() {
    const auto budget = paper_budget(context_.plan()->get());
    if (!budget) return pass(budget);
    const auto mode = run_.train("paper", *budget);
    if (!mode) return pass(mode);
    return run_.pool(*mode, everyone(count_), "paper");
  }

 public:
  void name_sites(std::vector<std::string> names) { names_ = std::move(names); }

 private:
  PilotRun run_;
  JobContext& context_;
  std::size_t count_;
  std::vector<std::string> modes_;
  std::vector<std::string> names_;
};

}  // namespace

Result<json> pilot(JobContext& context) {
  const auto plan = context.plan();
  if (!plan) return pass(plan);
  const auto asked = asked_sites(context);
  if (!asked) return pass(asked);
  auto modes = context.job().texts("modes");
  if (!modes) return pass(modes);
  const auto with_gate = context.job().truth("gate", false);
  if (!with_gate) return pass(with_gate);
  const auto patients_max = context.job().whole("patients_max", 0);
  if (!patients_max) return pass(patients_max);
  std::vector<PilotSite> sites;
  std::vector<std::string> names;
  std::size_t patients = 0;
  for (const Asked& one : *asked) {
    auto site = read_site(context, one, *patients_max);
    if (!site) return pass(site);
    patients += site->training.patients + site->tuning.patients + site->test.patients;
    names.push_back(one.id);
    sites.push_back(std::move(*site));
  }
  Pilot pilot(context, sites, std::move(*modes));
  pilot.name_sites(std::move(names));
  auto result = pilot.perform(*with_gate);
  if (!result) return result;
  (*result)["patients"] = patients;
  return result;
}

}  // namespace cloister::worker
