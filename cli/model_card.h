// Model cards, the page for an ethics board, and studies side by side: from the ledger alone.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/answer.h"
#include "cli/line.h"
#include "cli/replica.h"
#include "report/report.h"

namespace cloister::cli {

// model-card.json and .html of the study's newest model, and gate-SITE.html for each site. With
// `trainer_home` also the network itself (cli/network_export.h).
struct ModelCardOptions {
  std::string study;
  std::filesystem::path folder;
  std::filesystem::path trainer_home;
};
[[nodiscard]] Result<Answer> write_model_card(const Replica& replica,
                                              const ModelCardOptions& options);
[[nodiscard]] Result<Answer> model_card(Seat& seat, const ModelCardOptions& options);

// Mean overlap by site of several studies, and of every baseline they evaluated, side by side.
[[nodiscard]] Result<Answer> compare_studies(Seat& seat, const std::vector<std::string>& studies);
// The same table of one report's modes: what a demonstration ends with.
[[nodiscard]] std::string comparison_text(const report::Report& report);

}  // namespace cloister::cli
