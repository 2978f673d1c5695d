// `cloister site logs JOB`: what a member's own log files say of one job.
#pragma once

#include <filesystem>
#include <string>

#include "cli/answer.h"

namespace CLI {
class App;
}

namespace cloister::cli {

struct Choice;

struct LogsOptions {
  std::filesystem::path home;  // of an agent or a trainer
  std::string job;
  bool all_attempts = false;
  std::size_t lines_max = 200;  // of each part, the newest ones
};
// Reads logs/ of the home (docs/homes.md); whoever may open that folder may see this, and nothing
// is asked of the daemon. What a worker printed may name files of the site. "logs.none": no line.
[[nodiscard]] Result<Answer> site_logs(const LogsOptions& options);
void add_site_logs(CLI::App& group, Choice& choice);

}  // namespace cloister::cli
