// Pilots: a plan tried on data that lie in one place, and what is made of the outcome.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cli/answer.h"
#include "protocol/plan.h"
#include "report/report.h"

namespace cloister::cli {

struct PilotFolder {
  std::string site;
  std::filesystem::path root;
  std::string centre;
};
struct PilotAsked {
  std::filesystem::path worker;
  std::vector<PilotFolder> folders;
  std::vector<std::string> modes;  // "study", "local-only", "paper", "plaintext-unet", ...
  bool gate = false;
  std::uint64_t patients_max = 0;  // of each site and split; 0: all
  std::string device = "cpu";
  std::function<void(const provenance::Json&)> on_progress;  // as of run_worker_job
};
// The worker's result (worker/README.md, kind pilot).
[[nodiscard]] Result<provenance::Json> run_pilot(const protocol::StudyPlan& plan,
                                                 const PilotAsked& asked);
// Its scores, for a report.
[[nodiscard]] std::vector<report::Score> scores_of(const provenance::Json& result);

struct PreassessOptions {
  bool json = false;
  std::filesystem::path plan;
  std::filesystem::path data;    // sub-folders are sites; empty: phantoms made for the pilot
  std::filesystem::path output;  // folder for preassessment.html and preassessment.json
  std::uint64_t patients_max = 0;
  std::string device = "cpu";
  // As of PilotAsked; the gate judges the plan's own encoders, so it belongs to "study".
  std::vector<std::string> modes = {"study", "mask-ceiling"};
};
[[nodiscard]] Result<Answer> preassess(const PreassessOptions& options);

}  // namespace cloister::cli
