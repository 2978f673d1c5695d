#include <fmt/format.h>

#include <algorithm>

#include "imaging/inspect.h"
#include "worker/kinds.h"

namespace cloister::worker {
namespace {

using nlohmann::json;

json pair_of(const imaging::Range& range) { return json{range.low, range.high}; }

// By code, with what to do; never a name: reasons of single cases may hold one.
json problems_json(const imaging::Inspected& found) {
  json problems = json::object();
  for (const auto& [code, error] : found.advice)
    problems[code] = {{"cases", 0}, {"next", error.next}};
  for (const imaging::ExcludedCase& one : found.problems) {
    json& count = problems[one.code]["cases"];
    count = count.get<std::size_t>() + 1;
  }
  return problems;
}

json cases_json(const imaging::Inspected& found) {
  json cases = json::array();
  for (const imaging::ExcludedCase& one : found.problems)
    cases.push_back({{"case", one.case_id}, {"code", one.code}, {"reason", one.reason}});
  return cases;
}

// The plan's structures by their canonical names, and those that the folder does not describe.
json asked_json(const std::vector<std::string>& asked, const std::vector<std::string>& declared) {
  json missing = json::array();
  for (const std::string& name : asked) {
    if (std::find(declared.begin(), declared.end(), name) == declared.end())
      missing.push_back(name);
  }
  return {{"structures", asked}, {"missing", missing}};
}

}  // namespace

Result<json> inspect_data(JobContext& context) {
  const JobDocument& job = context.job();
  if (job.data_root.empty()) return tl::unexpected<Error>(bad_job("'data.root' is missing"));
  const auto most = job.whole("cases_max", 8);
  const auto names = job.truth("names", false);
  auto centre = job.text("centre");
  auto withdrawn = job.texts("withdrawn");
  if (!most) return pass(most);
  if (!names) return pass(names);
  if (!centre) return pass(std::move(centre));
  if (!withdrawn) return pass(std::move(withdrawn));
  if (*most < 0) return tl::unexpected<Error>(bad_job("'cases_max' is negative"));
  imaging::InspectOptions options;
  options.cases_max = static_cast<std::size_t>(*most);
  options.centre = std::move(*centre);
  options.withdrawn = std::move(*withdrawn);
  if (job.plan) {
    for (const std::string& name : job.plan->structures)
      options.crop.structures.push_back(imaging::canonical_structure(name));
    options.crop.spacing_mm = job.plan->budget.spacing_mm;
    options.crop.size_px = job.plan->budget.size_px;
  }
  context.progress("reading", {0, 1});
  const auto found = imaging::inspect_dataset(job.data_root, options);
  if (!found) return pass(found);
  context.progress("reading", {1, 1});
  json result{
      {"layout", found->layout},
      {"cases", found->cases},
      {"patients", found->patients},
      {"opened", found->opened},
      {"usable", found->usable},
      {"problems", problems_json(*found)},
      {"declared", found->declared},
      {"seen", found->seen},
      {"undeclared", found->undeclared},
      {"spacing_mm",
       {{"in_plane", pair_of(found->in_plane_mm)}, {"slices", pair_of(found->between_mm)}}},
      {"size", {{"in_plane", pair_of(found->in_plane_px)}, {"slices", pair_of(found->slices)}}},
      {"orientations", found->orientations},
      {"outside_crop", found->outside_crop}};
  if (job.plan) result["asked"] = asked_json(options.crop.structures, found->declared);
  if (*names) result["problem_cases"] = cases_json(*found);
  return result;
}

}  // namespace cloister::worker
