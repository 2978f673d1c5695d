// Scores of single cases and what is said of them all together.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "imaging/metrics.h"
#include "worker/site_data.h"

namespace cloister::worker {

struct ScoredCase {
  NumberedCase numbered;
  std::vector<imaging::StructureScore> scores;  // by structure
  std::string prediction;                       // artifact name; empty: not written

  [[nodiscard]] double mean_dsc() const;
};

class Evaluation {
 public:
  explicit Evaluation(std::vector<std::string> structures) : structures_(std::move(structures)) {}

  void add(ScoredCase scored) { cases_.push_back(std::move(scored)); }
  [[nodiscard]] imaging::Calibration& calibration() { return calibration_; }
  [[nodiscard]] const std::vector<ScoredCase>& cases() const { return cases_; }

  // The aggregates of the result, README.md.
  [[nodiscard]] nlohmann::json aggregates() const;
  // One entry a case: stays at the site.
  [[nodiscard]] nlohmann::json case_list() const;

 private:
  [[nodiscard]] nlohmann::json structure_summary(std::size_t k,
                                                 const std::vector<ScoredCase>& of) const;
  [[nodiscard]] nlohmann::json function_summary() const;

  std::vector<std::string> structures_;
  std::vector<ScoredCase> cases_;
  imaging::Calibration calibration_;
};

// {mean, median, low, high, count}; nulls where there is nothing.
[[nodiscard]] nlohmann::json to_json(const imaging::Summary& summary);

}  // namespace cloister::worker
