#include "cli/site_report.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>

#include "base/file.h"
#include "cli/homes.h"
#include "cli/json_read.h"
#include "cli/program.h"

namespace cloister::cli {
namespace {

using provenance::Json;
using provenance::text_or_empty;
namespace fs = std::filesystem;

constexpr std::uint64_t document_bytes_max = 64U << 20;
constexpr std::uint64_t picture_bytes_max = 4U << 20;

// Jobs are named STUDY-SITE-KIND-VERSION...: the newest folder of that kind.
std::optional<fs::path> newest(const fs::path& reports, const std::string& prefix) {
  std::optional<fs::path> found;
  fs::file_time_type when;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(reports, problem)) {
    if (!entry.path().filename().string().starts_with(prefix)) continue;
    const auto written = fs::last_write_time(entry.path(), problem);
    if (found && (problem || written <= when)) continue;
    found = entry.path();
    when = written;
  }
  return found;
}

Json document(const std::optional<fs::path>& folder, const char* name) {
  if (!folder) return Json::object();
  const auto text = read_text(*folder / name, document_bytes_max);
  if (!text) return Json::object();
  auto json = provenance::parse_json(
      *text, {.bytes_max = document_bytes_max, .depth_max = 16, .values_max = 4'000'000});
  return json ? std::move(*json) : Json::object();
}

void take_pictures(const std::optional<fs::path>& folder, const std::string& group,
                   const std::string& words, report::SiteReport& into) {
  if (!folder) return;
  std::vector<fs::path> files;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(*folder, problem)) {
    if (entry.path().extension() == ".png") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    auto png = read_file(file, picture_bytes_max);
    if (!png) continue;
    const std::string title = fmt::format("{}: {}", file.stem().string(), words);
    into.pictures.push_back({into.site, title, title, group, std::move(*png)});
  }
}

void take_data(const Json& data, report::SiteReport& into) {
  for (const Json& one : items_at(data, "used")) {
    into.used.push_back({text_or_empty(one, "case"), text_or_empty(one, "patient"),
                         text_or_empty(one, "split"), text_or_empty(one, "phase"),
                         static_cast<std::uint64_t>(number_at(one, "slices"))});
  }
  for (const Json& one : items_at(data, "left_out")) {
    into.left_out.push_back(
        {text_or_empty(one, "case"), text_or_empty(one, "code"), text_or_empty(one, "reason")});
  }
  for (const Json& one : items_at(data, "warnings")) {
    if (one.text() != nullptr) into.warnings.push_back(*one.text());
  }
}

void take_scores(const Json& evaluation, report::SiteReport& into) {
  for (const Json& one : items_at(evaluation, "cases")) {
    const Json structures = object_at(one, "structures");
    for (const auto& [name, score] : *structures.fields()) {
      into.scores.push_back({text_or_empty(one, "case"), name, number_at(score, "dsc"),
                             number_at(score, "hd95_mm"), number_at(score, "assd_mm"),
                             number_at(score, "predicted_ml"), number_at(score, "truth_ml")});
    }
  }
}

void take_gate(const Json& gate, report::SiteReport& into) {
  for (const Json& one : items_at(gate, "indicators")) {
    report::Indicator indicator;
    indicator.name = text_or_empty(one, "name");
    indicator.plain = text_or_empty(one, "plain");
    indicator.value = number_at(one, "value");
    indicator.verdict = text_or_empty(one, "verdict");
    into.gate.push_back(std::move(indicator));
  }
}

std::optional<fs::path> below(const std::optional<fs::path>& folder, const char* name) {
  return folder ? std::optional(*folder / name) : std::nullopt;
}

}  // namespace

Result<report::SiteReport> collect_site_report(const fs::path& agent, const std::string& study) {
  auto membership = load_membership(agent / "membership.json");
  if (!membership) return pass(membership);
  report::SiteReport report;
  report.site = membership->site;
  report.study = study;
  report.made_at = SystemClock().now();
  const auto folder_of = [&](const char* kind) {
    return newest(agent / "reports", fmt::format("{}-{}-{}-", study, report.site, kind));
  };
  const auto data = folder_of("register-data");
  const auto encoded = folder_of("encode");
  const auto gate = folder_of("assess-privacy");
  const auto evaluated = folder_of("evaluate");
  if (!data && !encoded && !gate && !evaluated) {
    return fail(
        Kind::not_found, "site.no_report",
        fmt::format("{} keeps nothing of a study '{}'.", (agent / "reports").string(), study),
        "`cloister site status` names the studies; a report begins with the data check.");
  }
  take_data(document(data, "data-report"), report);
  take_scores(document(evaluated, "site-report"), report);
  take_gate(document(gate, "gate-report"), report);
  take_pictures(below(evaluated, "overlays"), "overlay", "image | reference | prediction", report);
  take_pictures(below(gate, "examples"), "leak", "original | best attack | own decoder", report);
  take_pictures(encoded, "preview", "channels of one code", report);
  return report;
}

Result<Answer> site_report(const fs::path& agent, const std::string& study, const fs::path& page) {
  auto report = collect_site_report(agent, study);
  if (!report) return pass(report);
  // It names patients: for its owner only.
  if (auto written = write_text(page, report::to_html(*report), FileMode::owner_only); !written) {
    return pass(written);
  }
  auto json = provenance::parse_json(report::to_json(*report),
                                     {.bytes_max = document_bytes_max, .values_max = 4'000'000});
  if (!json) return pass(json);
  Answer answer;
  answer.text = fmt::format(
      "{}: {} volumes used, {} cases left out, {} figures of held-out cases.\n", page.string(),
      report->used.size(), report->left_out.size(), report->scores.size());
  for (const auto& one : report->left_out) {
    answer.text += fmt::format("  left out  {:<24} {} ({})\n", one.id, one.reason, one.code);
  }
  answer.text += "It names cases and shows patients: it stays at the site.\n";
  answer.json = std::move(*json);
  return answer;
}

void add_site_report(CLI::App& group, Choice& choice) {
  CLI::App* verb = group.add_subcommand(
      "report", "What only this site may see: its cases, what was left out and why, pictures");
  const auto agent = std::make_shared<fs::path>();
  const auto study = std::make_shared<std::string>();
  const auto page = std::make_shared<fs::path>();
  verb->add_option("STUDY", *study)->required();
  verb->add_option("-o,--output", *page, "Where the page goes")->required();
  verb->add_option("--agent", *agent, "The agent's folder")->envname("CLOISTER_AGENT")->required();
  verb->footer(
      "Example:\n  cloister site report heart-1 -o our-report.html --agent /var/lib/cloister");
  verb->callback([&choice, agent, study, page] {
    choice.run = [agent, study, page] { return site_report(*agent, *study, *page); };
  });
}

}  // namespace cloister::cli
