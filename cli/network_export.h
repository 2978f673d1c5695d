// A released network as files for other programs: network.safetensors, and ONNX beside it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/replica.h"
#include "report/model_card.h"

namespace cloister::cli {

struct NetworkExport {
  StudyId study;
  std::filesystem::path trainer_home;
  std::filesystem::path folder;  // must exist
};

// Writes network.safetensors and a network-SITE.onnx for each site of the plan under which the
// network was trained (plain pooling: one network.onnx), and returns what it wrote. All are made
// before the first is written. Errors: "model.not_released", "model.not_here",
// "model.other_file", "model.no_plan", those of onnx_export::to_onnx.
[[nodiscard]] Result<std::vector<report::ExportedFile>> export_network(
    const Replica& replica, const report::ModelFacts& facts, const NetworkExport& wanted);

}  // namespace cloister::cli
