#include "cli/pilot.h"

#include <stdlib.h>

#include <algorithm>

#include "base/file.h"
#include "cli/child.h"
#include "cli/json_read.h"
#include "cli/narrator.h"
#include "cli/worker_job.h"
#include "crypto/hash.h"
#include "report/preassess.h"

namespace cloister::cli {
namespace {

using provenance::Json;
using provenance::text_or_empty;

constexpr Duration pilot_limit{12 * 3'600'000};

// A temporary folder that goes with its owner.
class Scratch {
 public:
  static Result<Scratch> create() {
    std::string name = (std::filesystem::temp_directory_path() / "cloister-pilot-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) {
      return fail(Kind::unavailable, "pilot.folder", "No temporary folder can be made.",
                  "Set TMPDIR to a folder that can be written.");
    }
    return Scratch(name);
  }
  Scratch(Scratch&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  Scratch& operator=(Scratch&&) = delete;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  explicit Scratch(std::filesystem::path path) : path_(std::move(path)) {}
  std::filesystem::path path_;
};

Result<std::vector<PilotFolder>> make_phantoms(const protocol::StudyPlan& plan,
                                               const std::filesystem::path& folder,
                                               const std::filesystem::path& worker) {
  std::vector<PilotFolder> folders;
  for (std::size_t i = 0; i < plan.sites.size(); ++i) {
    const auto root = folder / plan.sites[i];
    const Json job = Json::object()
                         .set("job_id", "phantom-" + plan.sites[i])
                         .set("kind", "phantom")
                         .set("parameters", Json::object()
                                                .set("folder", root.string())
                                                .set("name", plan.sites[i])
                                                .set("scanner", std::uint64_t{i % 3})
                                                .set("training_patients", std::uint64_t{10})
                                                .set("test_patients", std::uint64_t{6})
                                                .set("seed", plan.seed + i));
    if (auto made = run_worker_job(worker, job, Duration{10 * 60'000}); !made) return pass(made);
    folders.push_back({plan.sites[i], root, {}});
  }
  return folders;
}

Result<std::vector<PilotFolder>> sub_folders(const std::filesystem::path& data) {
  std::vector<PilotFolder> folders;
  std::error_code problem;
  for (const auto& entry : std::filesystem::directory_iterator(data, problem)) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_directory() || name.starts_with('.')) continue;
    folders.push_back({name, std::filesystem::absolute(entry.path()), {}});
  }
  std::sort(folders.begin(), folders.end(),
            [](const PilotFolder& a, const PilotFolder& b) { return a.site < b.site; });
  if (!folders.empty()) return folders;
  return fail(Kind::not_found, "pilot.data",
              fmt::format("{} holds no sub-folders, one a site.", data.string()),
              "Give a folder as `cloister demo --data` takes it, or none for phantoms.");
}

void take_plan(const protocol::StudyPlan& plan, report::Preassessment& pilot) {
  pilot.study.id = plan.study.text();
  pilot.study.version = plan.version;
  pilot.study.title = plan.title;
  pilot.study.purpose = plan.purpose;
  pilot.study.legal_basis = plan.legal_basis;
  pilot.study.preset = plan.preset;
  pilot.study.budget = plan.budget.name;
  pilot.study.mask_decoder_leaves = plan.mask_decoder_leaves;
  pilot.study.plan = to_hex(crypto::sha256(as_bytes(protocol::to_json(plan))));
}

void take_result(const Json& result, report::Preassessment& pilot) {
  pilot.patients = static_cast<std::uint64_t>(number_at(result, "patients"));
  const Json gates = object_at(result, "gates");
  for (const auto& [site, gate] : *gates.fields()) {
    report::Site one;
    one.id = site;
    one.gate.verdict = text_or_empty(gate, "verdict");
    for (const Json& indicator : items_at(gate, "indicators")) {
      one.gate.indicators.push_back(report::indicator_of(indicator));
    }
    pilot.sites.push_back(std::move(one));
  }
  for (const report::Score& score : scores_of(result)) {
    pilot.scores.push_back({score.site, score.structure, score.mode, score.dsc, score.patients});
  }
}

std::string verdict_lines(const report::Preassessment& pilot) {
  if (pilot.sites.empty()) return "  no gate was run: it judges the mode 'study'\n";
  std::string out;
  for (const report::Site& site : pilot.sites) {
    out += fmt::format("  {:<16} {}\n", site.id, site.gate.verdict);
    for (const report::Indicator& one : site.gate.indicators) {
      out += fmt::format("    {:<24} {:>8.3g}  {}\n", one.name, one.value, one.verdict);
    }
  }
  return out;
}

std::string score_lines(const report::Preassessment& pilot) {
  std::string out;
  for (const report::PilotScore& one : pilot.scores) {
    out += fmt::format("  {:<16} {:<16} {:<10} DSC {:.3f}\n", one.mode, one.site, one.structure,
                       one.dsc);
  }
  return out;
}

}  // namespace

Result<Json> run_pilot(const protocol::StudyPlan& plan, const PilotAsked& asked) {
  Json sites = Json::array();
  for (const PilotFolder& one : asked.folders) {
    sites.push(Json::object()
                   .set("site", one.site)
                   .set("root", one.root.string())
                   .set("centre", one.centre));
  }
  Json modes = Json::array();
  for (const auto& mode : asked.modes) modes.push(mode);
  auto plan_json = provenance::parse_json(protocol::to_json(plan));
  if (!plan_json) return pass(plan_json);
  const Json job = Json::object()
                       .set("job_id", "pilot-" + plan.study.text())
                       .set("kind", "pilot")
                       .set("device", asked.device)
                       .set("plan", std::move(*plan_json))
                       .set("parameters", Json::object()
                                              .set("sites", std::move(sites))
                                              .set("modes", std::move(modes))
                                              .set("gate", asked.gate)
                                              .set("patients_max", asked.patients_max));
  return run_worker_job(asked.worker, job, pilot_limit, asked.on_progress);
}

std::vector<report::Score> scores_of(const Json& result) {
  std::vector<report::Score> scores;
  const auto mean = [](const Json& one, std::string_view key) -> std::optional<double> {
    const Json value = object_at(one, key);
    const Json* found = value.find("mean");
    return found == nullptr ? std::nullopt : found->number();
  };
  for (const Json& told : items_at(result, "scores")) {
    const Json structures = object_at(told, "structures");
    for (const auto& [name, one] : *structures.fields()) {
      report::Score score;
      score.mode = text_or_empty(told, "mode");
      score.site = text_or_empty(told, "site");
      score.structure = name;
      score.dsc = mean(one, "dsc").value_or(0);
      score.hd95_mm = mean(one, "hd95_mm");
      score.assd_mm = mean(one, "assd_mm");
      score.patients = static_cast<std::uint64_t>(number_at(one, "patients"));
      score.volumes = static_cast<std::uint64_t>(number_at(one, "cases"));
      scores.push_back(std::move(score));
    }
  }
  return scores;
}

Result<Answer> preassess(const PreassessOptions& options) {
  auto text = read_text(options.plan, 4U << 20);
  if (!text) return pass(text);
  const auto plan = protocol::plan_from_toml(*text, options.plan.filename().string());
  if (!plan) return pass(plan);
  auto scratch = Scratch::create();
  if (!scratch) return pass(scratch);
  auto worker = find_program("cloister-worker");
  if (!worker) return pass(worker);
  auto folders = options.data.empty() ? make_phantoms(*plan, scratch->path(), *worker)
                                      : sub_folders(options.data);
  if (!folders) return pass(folders);
  const bool gate =
      std::find(options.modes.begin(), options.modes.end(), "study") != options.modes.end();
  Narrator narrator(options.json, stderr);
  auto result = run_pilot(*plan, {*worker, std::move(*folders), options.modes, gate,
                                  options.patients_max, options.device, [&](const Json& told) {
                                    narrator.picture({worker_row("pilot", told)});
                                  }});
  if (!result) return pass(result);
  report::Preassessment pilot;
  take_plan(*plan, pilot);
  take_result(*result, pilot);
  pilot.data = options.data.empty() ? "phantoms made for this pilot"
                                    : "images from " + options.data.filename().string();
  pilot.modes = options.modes;
  pilot.made_at = SystemClock().now();
  if (auto made = make_folder(options.output); !made) return pass(made);
  const auto page = options.output / "preassessment.html";
  if (auto done = write_text(page, report::preassess_html(pilot)); !done) return pass(done);
  const std::string json = report::preassess_json(pilot);
  if (auto done = write_text(options.output / "preassessment.json", json); !done) return pass(done);
  Answer answer;
  answer.text = fmt::format("{} and preassessment.json beside it, from {} patients ({}):\n{}{}",
                            page.string(), pilot.patients, pilot.data, verdict_lines(pilot),
                            score_lines(pilot));
  if (auto parsed = provenance::parse_json(json)) answer.json = std::move(*parsed);
  return answer;
}

}  // namespace cloister::cli
