#include "cli/model_card.h"

#include <algorithm>

#include "base/file.h"
#include "cli/network_export.h"
#include "provenance/ledger.h"
#include "provenance/lineage.h"
#include "report/collect.h"
#include "report/model_card.h"

namespace cloister::cli {
namespace {

using provenance::Json;

Result<report::Report> collected(const Replica& replica, const std::string& study) {
  auto id = StudyId::parse(study);
  if (!id) return pass(id);
  return report::collect(replica.ledger, replica.checkpoint, *id);
}

// Who released this model, from the study's records.
Result<void> find_release(const Replica& replica, const StudyId& study, const Digest& model,
                          report::ModelFacts& facts) {
  auto history = provenance::history(replica.ledger, study);
  if (!history) return pass(history);
  for (const auto& stored : history->records) {
    if (!stored.record || stored.record->kind != provenance::RecordKind::model_released) continue;
    const bool is_it = std::any_of(stored.record->subjects.begin(), stored.record->subjects.end(),
                                   [&](const auto& one) { return one.digest == model; });
    if (!is_it) continue;
    facts.released = true;
    facts.released_by = stored.record->actor.id.text();
    facts.release_record = to_hex(stored.note.leaf_hash);
  }
  return {};
}

Result<report::ModelFacts> facts_of(const Replica& replica, const report::Report& report) {
  auto digest = digest_from_hex(report.pooled.digest);
  if (!digest) {
    return fail(Kind::not_found, "model.none",
                fmt::format("Study '{}' has no model yet.", report.study.id),
                "`cloister study status` says what it waits for.");
  }
  report::ModelFacts facts;
  facts.digest = report.pooled.digest;
  auto trace = provenance::trace_back(replica.ledger, *digest);
  if (!trace) return pass(trace);
  facts.lineage_digest = to_hex(trace->closure_digest);
  facts.lineage_records = trace->records.size();
  const StudyId study = StudyId::trusted(report.study.id);
  if (auto done = find_release(replica, study, *digest, facts); !done) return pass(done);
  return facts;
}

// One row a site, then the mean of the sites.
std::string table(const report::Report& report, const std::string& title) {
  std::string out = fmt::format("{:<16}", title);
  const auto modes = report::modes_of(report);
  for (const auto& mode : modes) out += fmt::format(" {:>16}", mode);
  out += '\n';
  for (const report::Site& site : report.sites) {
    out += fmt::format("{:<16}", site.id);
    for (const auto& mode : modes) {
      const auto mean = report::site_mean(report, mode, site.id);
      out += mean ? fmt::format(" {:>11.3f} n={:<2}", mean->dsc, mean->patients)
                  : fmt::format(" {:>16}", "-");
    }
    out += '\n';
  }
  out += fmt::format("{:<16}", "mean of sites");
  for (const auto& mode : modes) {
    const auto mean = report::study_mean(report, mode);
    out += mean ? fmt::format(" {:>11.3f} n={:<2}", mean->dsc, mean->patients)
                : fmt::format(" {:>16}", "-");
  }
  return out + "\n";
}

}  // namespace

std::string comparison_text(const report::Report& report) {
  if (report.scores.empty()) return {};
  return "Mean overlap (DSC) with the reference, on held-out patients (n):\n" +
         table(report, "site");
}

Result<Answer> write_model_card(const Replica& replica, const ModelCardOptions& options) {
  auto report = collected(replica, options.study);
  if (!report) return pass(report);
  auto facts = facts_of(replica, *report);
  if (!facts) return pass(facts);
  if (auto made = make_folder(options.folder); !made) return pass(made);
  if (!options.trainer_home.empty()) {
    const StudyId study = StudyId::trusted(report->study.id);
    auto exported = export_network(replica, *facts, {study, options.trainer_home, options.folder});
    if (!exported) return pass(exported);
    facts->files = std::move(*exported);
  }
  const std::string json = report::model_card_json(*report, *facts);
  if (auto done = write_text(options.folder / "model-card.json", json); !done) return pass(done);
  const auto page = options.folder / "model-card.html";
  if (auto done = write_text(page, report::model_card_html(*report, *facts)); !done) {
    return pass(done);
  }
  for (const report::Site& site : report->sites) {
    const auto file = options.folder / fmt::format("gate-{}.html", site.id);
    if (auto done = write_text(file, report::gate_page_html(*report, site)); !done) {
      return pass(done);
    }
  }
  Answer answer;
  std::vector<std::string> names;
  for (const auto& file : facts->files) names.push_back(file.name);
  answer.text = fmt::format(
      "{}, model-card.json and {} pages for ethics boards beside it{}{}.\n", page.string(),
      report->sites.size(),
      names.empty() ? "" : "; the network for other programs: ", fmt::join(names, ", "));
  Json files = Json::array();
  for (const auto& name : names) files.push(name);
  answer.json.set("folder", options.folder.string()).set("model", facts->digest);
  answer.json.set("lineage", facts->lineage_digest).set("released", facts->released);
  answer.json.set("files", std::move(files));
  return answer;
}

Result<Answer> model_card(Seat& seat, const ModelCardOptions& options) {
  auto replica = fetch_ledger(seat);
  if (!replica) return pass(replica);
  return write_model_card(*replica, options);
}

Result<Answer> compare_studies(Seat& seat, const std::vector<std::string>& studies) {
  auto replica = fetch_ledger(seat);
  if (!replica) return pass(replica);
  report::Report together;
  for (const auto& study : studies) {
    auto one = collected(*replica, study);
    if (!one) return pass(one);
    for (const report::Site& site : one->sites) {
      const bool known = std::any_of(together.sites.begin(), together.sites.end(),
                                     [&](const auto& other) { return other.id == site.id; });
      if (!known) together.sites.push_back(site);
    }
    for (report::Score score : one->scores) {
      if (studies.size() > 1) score.mode = study + ":" + score.mode;
      together.scores.push_back(std::move(score));
    }
  }
  Answer answer;
  answer.text = together.scores.empty() ? "No site has evaluated a network of these studies yet.\n"
                                        : comparison_text(together);
  Json modes = Json::object();
  for (const auto& mode : report::modes_of(together)) {
    Json sites = Json::object();
    for (const report::Site& site : together.sites) {
      const auto mean = report::site_mean(together, mode, site.id);
      if (!mean) continue;
      sites.set(site.id, Json::object().set("dsc", mean->dsc).set("patients", mean->patients));
    }
    const auto mean = report::study_mean(together, mode);
    modes.set(mode, Json::object()
                        .set("mean_dsc", mean ? Json(mean->dsc) : Json())
                        .set("sites", std::move(sites)));
  }
  answer.json.set("modes", std::move(modes));
  return answer;
}

}  // namespace cloister::cli
