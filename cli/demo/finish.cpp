// A new volume, its trace, the evidence, and the report.
#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "base/file.h"
#include "base/version.h"
#include "cli/audit.h"
#include "cli/demo/pictures.h"
#include "cli/demo/world.h"
#include "cli/draw.h"
#include "cli/file_digest.h"
#include "cli/json_read.h"
#include "cli/model_card.h"
#include "cli/site.h"
#include "provenance/bundle.h"
#include "provenance/lineage_text.h"
#include "report/collect.h"

namespace cloister::cli {
namespace {

using provenance::Json;
using provenance::text_or_empty;

std::filesystem::path mask_path(const World& world) {
  return world.out / "predictions" / (world.sites.front().id + "-new.nii.gz");
}

// The auditor's own copies of what is trusted, so that the bundle does not vouch for itself.
Result<void> write_anchors(const World& world, const Replica& replica) {
  const auto folder = world.out / "auditors-anchors";
  if (auto made = make_folder(folder); !made) return made;
  const auto trust = anchors(replica);
  if (auto written = write_text(folder / "tlog-policy", provenance::to_text(*trust.policy));
      !written) {
    return written;
  }
  return write_text(folder / "roots", provenance::roots_text(trust.roots));
}

void take_verdict(const Ran& ran, report::Verification& verification) {
  const auto json =
      provenance::parse_json(ran.out, {.bytes_max = 16U << 20, .values_max = 1'000'000});
  verification.verdict = ran.status == 0 ? "holds" : "fails";
  if (!json) {
    verification.failed.push_back(ran.err.empty() ? "cloister-verify gave no verdict." : ran.err);
    return;
  }
  for (const Json& line : items_at(*json, "lines")) {
    const std::string finding = text_or_empty(line, "finding");
    auto& into = finding == "proved"   ? verification.proved
                 : finding == "failed" ? verification.failed
                                       : verification.not_proved;
    into.push_back(text_or_empty(line, "text"));
  }
}

Result<report::Verification> prove(World& world, const Replica& replica) {
  const auto bundle = world.out / "audit-bundle";
  std::error_code ignored;
  std::filesystem::remove_all(bundle, ignored);
  auto exported = audit_export(replica, {bundle, mask_path(world).string()});
  if (!exported) return pass(exported);
  if (auto written = write_anchors(world, replica); !written) return pass(written);
  report::Verification verification;
  verification.bundle = "audit-bundle";
  verification.command =
      "cloister-verify audit-bundle --policy auditors-anchors/tlog-policy --roots "
      "auditors-anchors/roots";
  const std::string own = (world.out / "auditors-anchors").string();
  auto ran = run_program(
      world.programs.verify,
      {bundle.string(), "--json", "--policy", own + "/tlog-policy", "--roots", own + "/roots"},
      {.limit = Duration{120'000}});
  if (!ran) return pass(ran);
  take_verdict(*ran, verification);
  world.narrator.say("verified",
                     fmt::format("cloister-verify, offline, on {} records: the evidence {}",
                                 replica.head.size, verification.verdict));
  return verification;
}

// Losses as they were seen while the jobs ran.
void add_curves(const World& world, report::Report& report) {
  std::ifstream in(world.logs() / "curves.jsonl");
  for (std::string line; std::getline(in, line);) {
    const auto json = provenance::parse_json(line);
    if (!json) continue;
    const std::string kind = text_or_empty(*json, "kind");
    report::Curve* curve = kind == "train-segmentation" ? &report.pooled.curve : nullptr;
    for (report::Site& site : report.sites) {
      if (site.id != text_or_empty(*json, "site")) continue;
      for (report::Encoder& encoder : site.encoders) {
        if (kind == "train-" + encoder.which + "-encoder") curve = &encoder.curve;
      }
    }
    if (curve == nullptr) continue;
    const report::CurvePoint point{static_cast<std::uint64_t>(number_at(*json, "step")),
                                   number_at(*json, "loss")};
    // A job that was resumed tells some steps twice; the later telling counts.
    while (!curve->empty() && curve->back().step >= point.step) curve->pop_back();
    curve->push_back(point);
  }
}

void add_stages(const World& world, report::Report& report) {
  for (const auto& entry : world.stopwatch.entries()) {
    report.stages.push_back(
        {entry.name, entry.plain, entry.seconds, static_cast<std::uint64_t>(entry.loopback_bytes)});
    report.seconds += entry.seconds;
  }
}

void add_machine(const World& world, report::Report& report) {
  utsname system{};
  uname(&system);
  report.machine = {
      {"Cores", fmt::format("{}", sysconf(_SC_NPROCESSORS_ONLN))},
      {"Memory", fmt::format("{:.1f} GB", static_cast<double>(sysconf(_SC_PHYS_PAGES)) *
                                              static_cast<double>(sysconf(_SC_PAGESIZE)) / 1e9)},
      {"System", fmt::format("{} {}", system.sysname, system.machine)}};
  report.versions["cloister"] = std::string(program_version());
  auto ran = run_program(world.programs.worker, {"--self-check"});
  const auto json = ran ? provenance::parse_json(ran->out) : Result<Json>(Json::object());
  if (!json || json->fields() == nullptr) return;
  for (const auto& [name, value] : *json->fields()) {
    const std::string* text = value.text();
    if (text != nullptr && !text->empty()) report.versions[name] = *text;
  }
}

void add_words(const World& world, report::Report& report) {
  report.one_machine = true;
  report.command = "cloister demo --budget " + world.options.budget;
  if (world.options.preset != "adapted") report.command += " --mode " + world.options.preset;
  if (world.options.device != "cpu")
    report.command += fmt::format(" --device \"{}\"", world.options.device);
  if (!world.is_phantom()) report.command += " --data " + world.options.data.string();
  report.data_source = world.is_phantom() ? "phantoms made for this run"
                                          : "images from " + world.options.data.filename().string();
  const auto mean = report::study_mean(report, report.study.preset);
  report.caveats.push_back(
      world.is_phantom()
          ? "The sites are pseudo-sites: phantoms of three scanner styles, not three hospitals. "
            "Phantoms are easier than patients; nothing here says how well real hearts are "
            "segmented."
          : "The sites may be pseudo-sites: the read-me of the data says how it was divided.");
  report.caveats.push_back(fmt::format(
      "With {} held-out patients in all, differences of a few hundredths between sites are noise.",
      mean ? mean->patients : 0));
  report.caveats.push_back(
      "The exceptions were signed by key files made for this demo, with a reason that no hospital "
      "would sign for its patients without an ethics board.");
  if (world.is_phantom()) report.seeds["phantoms"] = world.options.seed;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

Result<report::Prediction> prediction_of(const World& world, const provenance::Answer& trace) {
  report::Prediction prediction;
  prediction.site = world.sites.front().id;
  prediction.file = std::filesystem::relative(mask_path(world), world.out).string();
  auto digest = file_digest(mask_path(world));
  if (!digest) return pass(digest);
  prediction.digest = to_hex(*digest);
  prediction.trace_records = trace.records.size();
  prediction.closure_digest = to_hex(trace.closure_digest);
  prediction.trace = lines_of(provenance::to_tree(trace));
  const auto told = read_text(world.out / "prediction.json", 1U << 20);
  const auto json = told ? provenance::parse_json(*told) : Result<Json>(Json::object());
  if (!json) return prediction;
  prediction.seconds = number_at(*json, "seconds");
  const Json structures = object_at(*json, "structures");
  for (const auto& [name, one] : *structures.fields()) {
    prediction.volume_ml[name] = number_at(one, "ml");
  }
  return prediction;
}

struct Told {
  report::Report report;
  report::Artwork artwork;
};

Result<Told> collect_all(World& world, Seat& auditor) {
  world.narrator.say("witnesses", "waiting for the sites to cosign the ledger's newest checkpoint");
  auto replica = fetch_ledger(auditor, Duration{45'000});
  if (!replica) return pass(replica);
  auto report = report::collect(replica->ledger, replica->checkpoint,
                                StudyId::trusted(std::string(demo_study)));
  if (!report) return pass(report);
  auto digest = file_digest(mask_path(world));
  if (!digest) return pass(digest);
  auto trace = provenance::trace_back(replica->ledger, *digest);
  if (!trace) return pass(trace);
  world.narrator.say("traced",
                     fmt::format("{} → {} records back to the commitments of the data",
                                 mask_path(world).filename().string(), trace->records.size()));
  auto prediction = prediction_of(world, *trace);
  if (!prediction) return pass(prediction);
  report->prediction = std::move(*prediction);
  auto verification = prove(world, *replica);
  if (!verification) return pass(verification);
  report->verification = std::move(*verification);
  Told told{std::move(*report), {}};
  world.stopwatch.pause();
  add_curves(world, told.report);
  add_machine(world, told.report);
  add_words(world, told.report);
  add_stages(world, told.report);
  told.report.made_at = SystemClock().now();
  draw({report::lineage_of(*trace)}, told.artwork);
  take_pictures(world, told.artwork);
  return told;
}

// Where to look, in the order in which it is worth looking.
std::string pointers(const World& world, const std::string& verify_command) {
  return fmt::format(
      "Look first at  {}\n"
      "  then         {} (the mask of the new volume, any NIfTI viewer)\n"
      "               {} (what each site alone may see)\n"
      "               {} (every figure, for scripts)\n"
      "               cd {} && {}/{}\n",
      (world.out / "report.html").string(), mask_path(world).string(),
      (world.out / "site-reports").string(), (world.out / "report.json").string(),
      world.out.string(), world.programs.verify.parent_path().string(), verify_command);
}

std::string closing_words(const World& world, const report::Report& report) {
  const auto mean = report::study_mean(report, report.study.preset);
  return fmt::format(
      "\n{}\nDone in {}. Mean DSC {} over {} held-out patients of {} sites; the evidence {}.\n{}",
      comparison_text(report),
      for_people(Duration(static_cast<std::int64_t>(report.seconds * 1000))),
      mean ? fmt::format("{:.3f}", mean->dsc) : "-", mean ? mean->patients : 0, report.sites.size(),
      report.verification.verdict, pointers(world, report.verification.command));
}

}  // namespace

Result<void> segment_new_volume(World& world) {
  world.stopwatch.enter("Prediction", "a new volume: encoded, predicted, decoded");
  world.narrator.chapter("A new volume: encoded at the site, predicted, decoded at the site");
  std::error_code ignored;
  const auto told_file = world.out / "prediction.json";
  if (std::filesystem::exists(mask_path(world), ignored) &&
      std::filesystem::exists(told_file, ignored)) {
    return {};
  }
  std::filesystem::remove(mask_path(world), ignored);
  Result<Answer> told = fail(Kind::unavailable, "demo.predict", "not asked");
  // The released model and the standing permit reach the agent with its next answers.
  for (int attempt = 0; attempt < 30 && !told; ++attempt) {
    keep_alive(world);
    if (attempt > 0) usleep(1'000'000);
    auto agent = AgentLine::open(world.sites.front().agent);
    told = agent ? while_alive(world,
                               [&] {
                                 return predict(*agent, {world.new_image, mask_path(world)});
                               })
                 : Result<Answer>(pass(agent));
    if (!told && told.error().kind == Kind::invalid) break;
  }
  if (!told) return pass(told);
  if (auto written = write_text(told_file, to_pretty(told->json)); !written) return written;
  std::string volumes;
  const Json structures = object_at(told->json, "structures");
  for (const auto& [name, one] : *structures.fields()) {
    volumes += fmt::format("  {} {:.1f} ml", name, number_at(one, "ml"));
  }
  world.narrator.say("predicted",
                     fmt::format("{} in {:.1f} s:{}", mask_path(world).string(),
                                 number_at(told->json, "seconds"), volumes),
                     told->json);
  return {};
}

Result<Answer> report_and_prove(World& world) {
  world.stopwatch.enter("Evidence", "the ledger replayed, traced, exported and checked offline");
  world.narrator.chapter("Evidence: replayed by the auditor, checked offline");
  auto auditor = take_seat(world.person(std::string(demo_auditor)), world.people);
  if (!auditor) return pass(auditor);
  copy_predictions(world);
  if (auto written = write_site_reports(world); !written) return pass(written);
  auto told = collect_all(world, *auditor);
  if (!told) return pass(told);
  if (auto added = add_baselines(world, *auditor, told->report); !added) return pass(added);
  draw(report::drawings(told->report), told->artwork);
  const std::string json = report::to_json(told->report);
  if (auto written = write_text(world.out / "report.json", json); !written) return pass(written);
  const std::string html = report::to_html(told->report, told->artwork);
  if (auto written = write_text(world.out / "report.html", html); !written) return pass(written);
  Answer answer;
  answer.text = closing_words(world, told->report);
  answer.json.set("report", (world.out / "report.json").string())
      .set("page", (world.out / "report.html").string())
      .set("verify", told->report.verification.verdict)
      .set("seconds", told->report.seconds);
  if (told->report.verification.verdict != "holds") {
    return fail(Kind::corrupt, "demo.evidence", "The evidence does not hold.",
                fmt::format("Look at {}.", (world.out / "report.html").string()));
  }
  return answer;
}

}  // namespace cloister::cli
