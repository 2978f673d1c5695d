// `cloister demo`: a whole consortium on one machine, as separate processes, through the same
// functions that the verbs call.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "cli/answer.h"

namespace cloister::cli {

struct DemoOptions {
  std::filesystem::path out = "demo-out";
  std::filesystem::path data;  // one sub-folder a site; empty: phantoms made for the run
  std::string budget = "quick";
  std::string preset = "adapted";
  std::string device = "cpu";
  std::uint64_t seed = 20'261'123;  // of the phantoms; published
  bool baselines = false;           // train local-only, paper and a plaintext U-Net beside it
  bool fresh = false;               // throw away what an earlier run left
  bool json = false;                // events as JSON lines instead of a picture
};

// Leaves out/{report.json, report.html, predictions/, audit-bundle/, logs/}. A run that was stopped
// goes on where it stopped when it is asked for again with the same options.
[[nodiscard]] Result<Answer> run_demo(const DemoOptions& options);

}  // namespace cloister::cli
