#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/prng.h"
#include "worker/kinds.h"
#include "worker/site_data.h"
#include "worker/study_options.h"

namespace cloister::worker {
namespace {

using imaging::Split;
using nlohmann::json;

// Patients get numbers 1..n in an order that nobody outside can guess when the seed is secret.
std::map<std::string, int> number_patients(const std::vector<imaging::Case>& cases,
                                           std::uint64_t seed) {
  std::set<std::string> names;
  for (const imaging::Case& c : cases) names.insert(c.patient_id);
  std::vector<std::string> order(names.begin(), names.end());
  Prng prng(seed);
  for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[prng.below(i)]);
  std::map<std::string, int> numbers;
  for (const std::string& name : order) numbers[name] = static_cast<int>(numbers.size()) + 1;
  return numbers;
}

std::uint64_t numbering_seed(const JobContext& context, std::uint64_t fallback) {
  if (!context.has_input("seed")) return fallback;
  const BytesView seed = *context.input("seed");
  std::uint64_t folded = 0xcbf29ce484222325ULL;
  for (const std::uint8_t byte : seed) folded = (folded ^ byte) * 0x100000001b3ULL;
  return folded;
}

json count_splits(const imaging::Dataset& dataset) {
  json splits;
  for (const Split split : {Split::train, Split::tune, Split::test}) {
    const auto cases = dataset.of(split);
    std::size_t slices = 0;
    for (const imaging::Case& c : cases) slices += c.slices;
    splits[std::string(to_string(split))] = {
        {"patients", dataset.patients(split)}, {"cases", cases.size()}, {"slices", slices}};
  }
  return splits;
}

json spacing_ranges(const std::vector<imaging::Case>& cases) {
  std::vector<double> in_plane;
  std::vector<double> across;
  for (const imaging::Case& c : cases) {
    in_plane.push_back(std::min({c.spacing_mm[0], c.spacing_mm[1], c.spacing_mm[2]}));
    across.push_back(std::max({c.spacing_mm[0], c.spacing_mm[1], c.spacing_mm[2]}));
  }
  const auto range = [](const std::vector<double>& values) {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    return json{*low, *high};
  };
  return {{"in_plane", range(in_plane)}, {"slices", range(across)}};
}

// For the site's own people: which cases are used, which are not and why, by name.
json data_report(const imaging::Dataset& dataset) {
  json used = json::array();
  for (const imaging::Case& c : dataset.cases) {
    used.push_back({{"case", c.case_id},
                    {"patient", c.patient_id},
                    {"split", to_string(c.split)},
                    {"phase", to_string(c.phase)},
                    {"slices", c.slices}});
  }
  json left_out = json::array();
  for (const imaging::ExcludedCase& out : dataset.excluded) {
    left_out.push_back({{"case", out.case_id}, {"code", out.code}, {"reason", out.reason}});
  }
  return {{"used", used}, {"left_out", left_out}, {"warnings", dataset.warnings}};
}

// Training needs a patient, evaluation and the membership test one that the network never saw:
// without them the study would end at a network that can never be released.
Result<void> check_testable(const imaging::Dataset& dataset) {
  const std::size_t train = dataset.patients(Split::train);
  const std::size_t test = dataset.patients(Split::test);
  if (train > 0 && test > 0) return {};
  return fail(Kind::invalid, "dataset.not_testable",
              fmt::format("Of the site's usable patients {} would be trained on, {} would tune and "
                          "{} be held out: a network trained here could never be tested for what "
                          "it gives away, so never be released.",
                          train, dataset.patients(Split::tune), test),
              "Add patients (three are the least), at least one of them to the training cases "
              "(imagesTr); one is held out from there where the folder brings no test cases "
              "(imagesTs with labelsTs).");
}

}  // namespace

Result<json> register_data(JobContext& context) {
  const auto plan = context.plan();
  if (!plan) return pass(plan);
  const auto budget = budget_of(plan->get());
  if (!budget) return pass(budget);
  if (context.job().data_root.empty()) {
    return tl::unexpected<Error>(bad_job("'data.root' is missing"));
  }
  auto withdrawn = context.job().texts("withdrawn");
  if (!withdrawn) return pass(std::move(withdrawn));
  auto centre = context.job().text("centre");
  if (!centre) return pass(std::move(centre));
  imaging::ScanOptions options;
  options.structures = plan->get().structures;
  options.split_seed = plan->get().seed;
  options.tuning_share = 0.2;
  options.withdrawn = std::move(*withdrawn);
  options.centre = std::move(*centre);
  context.progress("reading", {0, 1});
  const auto dataset = imaging::scan_dataset(context.job().data_root, options);
  if (!dataset) return pass(dataset);
  context.document("data-report", data_report(*dataset));
  const auto numbers = number_patients(dataset->cases, numbering_seed(context, options.split_seed));
  if (numbers.size() < plan->get().patients_min) {
    return fail(Kind::invalid, "dataset.few_patients",
                fmt::format("The site has {} usable patients; the plan asks for {}.",
                            numbers.size(), plan->get().patients_min),
                "Add patients, or ask the study's owner for a smaller minimum.");
  }
  if (auto testable = check_testable(*dataset); !testable) return pass(testable);
  SiteMap map{dataset->name, dataset->layout, dataset->file_labels, {}, dataset->excluded};
  for (const imaging::Case& c : dataset->cases) map.cases.push_back({c, numbers.at(c.patient_id)});
  context.document("site-map", to_json(map, context.job().data_root));
  json excluded = json::object();
  for (const imaging::ExcludedCase& out : dataset->excluded) {
    excluded[out.code] = excluded.value(out.code, 0) + 1;
  }
  context.progress("reading", {1, 1});
  return json{
      {"dataset", {{"layout", dataset->layout}, {"structures", dataset->labels.structures()}}},
      {"splits", count_splits(*dataset)},
      {"excluded", excluded},
      {"warnings", dataset->warnings},
      {"spacing_mm", spacing_ranges(dataset->cases)}};
}

}  // namespace cloister::worker
