#include <fmt/format.h>

#include "base/file.h"
#include "base/version.h"
#include "cli/audit.h"
#include "cli/draw.h"
#include "cli/study.h"
#include "report/collect.h"

namespace cloister::cli {
namespace {

void take(const provenance::VerdictLine& line, report::Verification& verification) {
  using provenance::Finding;
  if (line.finding == Finding::proved) verification.proved.push_back(line.text);
  if (line.finding == Finding::not_proved) verification.not_proved.push_back(line.text);
  if (line.finding == Finding::failed) verification.failed.push_back(line.text);
}

// The same check as cloister-verify's, on the replay that the report was made from.
Result<report::Verification> verification_of(const Replica& replica) {
  auto files = make_evidence(replica, nullptr);
  if (!files) return pass(files);
  const auto verdict = provenance::verify_bundle(*files, anchors(replica));
  report::Verification verification;
  verification.verdict = verdict.holds() ? "holds" : "fails";
  verification.command = "cloister audit export bundle && cloister-verify bundle";
  for (const auto& line : verdict.lines) take(line, verification);
  return verification;
}

}  // namespace

Result<Answer> study_report(Seat& seat, const std::string& study,
                            const std::filesystem::path& folder) {
  auto id = StudyId::parse(study);
  if (!id) return pass(id);
  auto replica = fetch_ledger(seat);
  if (!replica) return pass(replica);
  auto report = report::collect(replica->ledger, replica->checkpoint, *id);
  if (!report) return pass(report);
  auto verification = verification_of(*replica);
  if (!verification) return pass(verification);
  report->verification = std::move(*verification);
  report->made_at = SystemClock().now();
  report->command = "cloister study report " + study;
  report->data_source = "the sites' own data";
  report->versions["cloister"] = std::string(program_version());
  report::Artwork artwork;
  draw(report::drawings(*report), artwork);
  if (auto made = make_folder(folder); !made) return pass(made);
  if (auto json = write_text(folder / "report.json", report::to_json(*report)); !json) {
    return pass(json);
  }
  if (auto page = write_text(folder / "report.html", report::to_html(*report, artwork)); !page) {
    return pass(page);
  }
  Answer answer;
  answer.text = fmt::format("{} and report.json beside it, from {} records.\n",
                            (folder / "report.html").string(), replica->head.size);
  answer.json.set("folder", folder.string()).set("records", replica->head.size);
  return answer;
}

}  // namespace cloister::cli
