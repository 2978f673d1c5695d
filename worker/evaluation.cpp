#include "worker/evaluation.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace cloister::worker {
namespace {

using imaging::StructureScore;
using nlohmann::json;

std::size_t patients_of(const std::vector<ScoredCase>& cases) {
  std::set<int> patients;
  for (const ScoredCase& scored : cases) patients.insert(scored.numbered.number);
  return patients.size();
}

template <class Value>
json summary_of(const std::vector<ScoredCase>& cases, Value value) {
  std::vector<double> values;
  for (const ScoredCase& scored : cases) values.push_back(value(scored));
  return to_json(imaging::summarise(values));
}

}  // namespace

json to_json(const imaging::Summary& summary) {
  if (summary.count == 0) {
    return {
        {"mean", nullptr}, {"median", nullptr}, {"low", nullptr}, {"high", nullptr}, {"count", 0}};
  }
  return {{"mean", summary.mean},
          {"median", summary.median},
          {"low", summary.low},
          {"high", summary.high},
          {"count", summary.count}};
}

double ScoredCase::mean_dsc() const {
  double sum = 0;
  for (const StructureScore& score : scores) sum += score.dsc;
  return scores.empty() ? 0 : sum / static_cast<double>(scores.size());
}

json Evaluation::structure_summary(std::size_t k, const std::vector<ScoredCase>& of) const {
  std::size_t missed = 0;
  for (const ScoredCase& scored : of) missed += scored.scores[k].one_empty ? 1 : 0;
  return {{"patients", patients_of(of)},
          {"cases", of.size()},
          {"missed", missed},
          {"dsc", summary_of(of, [k](const ScoredCase& c) { return c.scores[k].dsc; })},
          {"hd95_mm", summary_of(of, [k](const ScoredCase& c) { return c.scores[k].hd95_mm; })},
          {"assd_mm", summary_of(of, [k](const ScoredCase& c) { return c.scores[k].assd_mm; })}};
}

// Of the first structure called LV, or the first of all.
json Evaluation::function_summary() const {
  const auto lv = std::find(structures_.begin(), structures_.end(), "LV");
  const auto k =
      lv == structures_.end() ? std::size_t{0} : static_cast<std::size_t>(lv - structures_.begin());
  std::map<int, std::map<imaging::Phase, StructureScore>> patients;
  for (const ScoredCase& scored : cases_) {
    patients[scored.numbered.number].emplace(scored.numbered.of.phase, scored.scores[k]);
  }
  std::vector<double> edv, esv, ef;
  for (const auto& [number, phases] : patients) {
    const auto ed = phases.find(imaging::Phase::ed);
    const auto es = phases.find(imaging::Phase::es);
    if (ed == phases.end() || es == phases.end()) continue;
    const auto truth = imaging::cavity_function(ed->second.truth_ml, es->second.truth_ml);
    const auto found = imaging::cavity_function(ed->second.predicted_ml, es->second.predicted_ml);
    edv.push_back(std::abs(found.edv_ml - truth.edv_ml));
    esv.push_back(std::abs(found.esv_ml - truth.esv_ml));
    const double difference = std::abs(found.ef_percent - truth.ef_percent);
    if (std::isfinite(difference)) ef.push_back(difference);
  }
  return {{"structure", structures_[k]},
          {"patients", edv.size()},
          {"edv_error_ml", to_json(imaging::summarise(edv))},
          {"esv_error_ml", to_json(imaging::summarise(esv))},
          {"ef_error_percent", to_json(imaging::summarise(ef))}};
}

json Evaluation::aggregates() const {
  json structures = json::object();
  for (std::size_t k = 0; k < structures_.size(); ++k) {
    json summary = structure_summary(k, cases_);
    summary["phases"] = json::object();
    for (const imaging::Phase phase : {imaging::Phase::ed, imaging::Phase::es}) {
      std::vector<ScoredCase> of;
      for (const ScoredCase& scored : cases_) {
        if (scored.numbered.of.phase == phase) of.push_back(scored);
      }
      if (of.empty()) continue;
      summary["phases"][std::string(imaging::to_string(phase))] = structure_summary(k, of);
    }
    structures[structures_[k]] = std::move(summary);
  }
  double mean = 0;
  for (const ScoredCase& scored : cases_) mean += scored.mean_dsc();
  return {
      {"patients", patients_of(cases_)},
      {"cases", cases_.size()},
      {"structures", structures},
      {"mean_dsc", cases_.empty() ? 0.0 : mean / static_cast<double>(cases_.size())},
      {"calibration", {{"ece", calibration_.expected_error()}, {"voxels", calibration_.count()}}},
      {"function", function_summary()},
      {"empty_rule",
       "both empty: DSC 1 and distances 0; one empty: DSC 0 and the volume's diagonal"}};
}

json Evaluation::case_list() const {
  json list = json::array();
  for (const ScoredCase& scored : cases_) {
    json structures = json::object();
    for (std::size_t k = 0; k < structures_.size(); ++k) {
      const StructureScore& score = scored.scores[k];
      structures[structures_[k]] = {{"dsc", score.dsc},
                                    {"hd95_mm", score.hd95_mm},
                                    {"assd_mm", score.assd_mm},
                                    {"truth_ml", score.truth_ml},
                                    {"one_empty", score.one_empty},
                                    {"predicted_ml", score.predicted_ml}};
    }
    list.push_back({{"case", scored.numbered.of.case_id},
                    {"patient", scored.numbered.of.patient_id},
                    {"phase", imaging::to_string(scored.numbered.of.phase)},
                    {"prediction", scored.prediction},
                    {"mean_dsc", scored.mean_dsc()},
                    {"structures", structures}});
  }
  return list;
}

}  // namespace cloister::worker
