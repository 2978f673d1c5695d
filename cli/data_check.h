// A site's images, looked at through the worker (only it can read them): for `cloister doctor` and
// `cloister site preflight`. The answers are counts; cases are named only where a person asks.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "cli/agent_line.h"
#include "cli/checks.h"

namespace cloister::cli {

// Where the agent's policy says that the data are.
struct DataPlace {
  std::string root;
  std::string centre;
  std::vector<std::string> withdrawn;
};
[[nodiscard]] Result<DataPlace> data_place(AgentLine& agent);

struct DataQuestion {
  std::filesystem::path worker;
  std::uint64_t cases_max = 8;  // 0: all
  bool names = false;           // name the cases that something is wrong with
  // What a plan asks of the images; none: they are looked at for themselves.
  std::optional<provenance::Json> plan_json;
};
// The result of the worker's job `inspect-data` (worker/README.md).
[[nodiscard]] Result<provenance::Json> inspect_data(const DataPlace& place,
                                                    const DataQuestion& question);

// What is odd about the images by themselves, from that result.
[[nodiscard]] Checks image_checks(const provenance::Json& found);
// Cases with problems by code, one check a code; with names where the result has them.
[[nodiscard]] Checks problem_checks(const provenance::Json& found);

}  // namespace cloister::cli
