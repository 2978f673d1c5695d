#include "cli/data_check.h"

#include "cli/json_read.h"
#include "cli/worker_job.h"

namespace cloister::cli {
namespace {

using provenance::Json;
using provenance::text_or_empty;

constexpr Duration look_max{30 * 60'000};
constexpr double spread_max = 2.0;  // of a spacing, coarsest to finest, before it is odd

std::pair<double, double> range_at(const Json& json, std::string_view key) {
  const auto items = items_at(json, key);
  if (items.size() != 2) return {0, 0};
  return {items[0].number().value_or(0), items[1].number().value_or(0)};
}

std::string range_text(std::pair<double, double> range, const char* unit) {
  const std::string low = fmt::format("{:.4g}", range.first);
  const std::string high = fmt::format("{:.4g}", range.second);
  return low == high ? fmt::format("{} {}", low, unit)
                     : fmt::format("{} to {} {}", low, high, unit);
}

Check opened_check(const Json& found) {
  const double opened = number_at(found, "opened");
  const double usable = number_at(found, "usable");
  const std::string what =
      fmt::format("{}: {:.0f} cases of {:.0f} patients; {:.0f} of {:.0f} opened can be used",
                  text_or_empty(found, "layout"), number_at(found, "cases"),
                  number_at(found, "patients"), usable, opened);
  if (opened > 0 && usable == opened) return good("images", what);
  return {"images", false, what,
          opened == 0
              ? "Put images and masks into the folder, in the nnU-Net raw or the M&Ms layout."
              : "See the problems below; `--cases` names the cases."};
}

Check spacing_check(const Json& found) {
  const Json spacing = object_at(found, "spacing_mm");
  const auto in_plane = range_at(spacing, "in_plane");
  const auto slices = range_at(spacing, "slices");
  const std::string what = fmt::format("in plane {}, between slices {}", range_text(in_plane, "mm"),
                                       range_text(slices, "mm"));
  if (in_plane.second > spread_max * in_plane.first) {
    return {"spacing", false, what + ": the coarsest pixel is more than twice the finest",
            "Check that all are of one protocol and that units are millimetres; a study resamples "
            "them to one spacing."};
  }
  if (in_plane.first == 1 && in_plane.second == 1 && slices.first == 1 && slices.second == 1) {
    return {
        "spacing", false, what + ": exactly 1 mm in every direction, as files without a spacing",
        "Check that the export kept the scanner's spacing: distances and volumes come from it."};
  }
  return good("spacing", what);
}

Check size_check(const Json& found) {
  const Json size = object_at(found, "size");
  return good("size",
              fmt::format("{} in plane, {}", range_text(range_at(size, "in_plane"), "pixels"),
                          range_text(range_at(size, "slices"), "slices")));
}

// Oblique planes (a heart's short axis) lie nearest to one axis or another by chance: only straight
// ones that differ are odd.
Check orientation_check(const Json& found) {
  const Json codes = object_at(found, "orientations");
  std::string what;
  std::size_t straight = 0;
  for (const auto& [code, count] : *codes.fields()) {
    what += fmt::format("{}{} ({:.0f} cases)", what.empty() ? "" : ", ", code,
                        count.number().value_or(0));
    if (!code.ends_with(" oblique")) ++straight;
  }
  if (straight <= 1) return good("axes", what);
  return {"axes", false, what + ": not all images lie the same way",
          "Nothing is reoriented, so a network would see some turned or mirrored: export them with "
          "one tool."};
}

Check label_check(const Json& found) {
  const Json seen = object_at(found, "seen");
  const double usable = number_at(found, "usable");
  std::string what;
  std::string never;
  for (const auto& [name, count] : *seen.fields()) {
    const double cases = count.number().value_or(0);
    what += fmt::format("{}{} in {:.0f} of {:.0f}", what.empty() ? "" : ", ", name, cases, usable);
    if (cases == 0) never += (never.empty() ? "" : ", ") + name;
  }
  const double undeclared = number_at(found, "undeclared");
  if (undeclared > 0) {
    return {"labels", false,
            fmt::format("{}; {:.0f} masks hold values that the description does not name", what,
                        undeclared),
            "Name every label value in dataset.json, or correct the masks."};
  }
  if (never.empty()) return good("labels", what);
  return {"labels", false, fmt::format("{}; never seen: {}", what, never),
          "Check the label values of the masks against dataset.json, or look at more cases."};
}

}  // namespace

Result<DataPlace> data_place(AgentLine& agent) {
  auto told = agent.ask("data");
  if (!told) return pass(told);
  DataPlace place{text_or_empty(*told, "root"), text_or_empty(*told, "centre"), {}};
  for (const Json& name : items_at(*told, "withdrawn")) {
    if (name.text() != nullptr) place.withdrawn.push_back(*name.text());
  }
  if (!place.root.empty()) return place;
  return fail(Kind::invalid, "data.no_root", "The site's policy names no data folder.",
              "Set data_root in policy.toml and sign it.");
}

Result<Json> inspect_data(const DataPlace& place, const DataQuestion& question) {
  Json withdrawn = Json::array();
  for (const std::string& name : place.withdrawn) withdrawn.push(name);
  Json job = Json::object()
                 .set("job_id", "inspect-data")
                 .set("kind", "inspect-data")
                 .set("data", Json::object().set("root", place.root))
                 .set("parameters", Json::object()
                                        .set("cases_max", question.cases_max)
                                        .set("names", question.names)
                                        .set("centre", place.centre)
                                        .set("withdrawn", std::move(withdrawn)));
  if (question.plan_json) job.set("plan", *question.plan_json);
  return run_worker_job(question.worker, job, look_max);
}

Checks image_checks(const Json& found) {
  Checks checks{opened_check(found)};
  if (number_at(found, "usable") > 0) {
    checks.push_back(spacing_check(found));
    checks.push_back(size_check(found));
    checks.push_back(orientation_check(found));
    checks.push_back(label_check(found));
  }
  return checks;
}

Checks problem_checks(const Json& found) {
  Checks checks;
  const Json problems = object_at(found, "problems");
  for (const auto& [code, one] : *problems.fields()) {
    std::string names;
    for (const Json& named : items_at(found, "problem_cases")) {
      if (text_or_empty(named, "code") == code)
        names += (names.empty() ? ": " : ", ") + text_or_empty(named, "case");
    }
    checks.push_back({"cases", false,
                      fmt::format("{} in {:.0f} cases{}", code, number_at(one, "cases"), names),
                      text_or_empty(one, "next")});
  }
  return checks;
}

}  // namespace cloister::cli
