// `cloister site preflight STUDY`: what a study asks of a site's data, held against the data and
// the site's policy before anybody accepts. Nothing is signed, kept or sent; the words stay at the
// site.
#pragma once

#include <filesystem>
#include <string>

#include "cli/agent_line.h"
#include "cli/checks.h"

namespace CLI {
class App;
}

namespace cloister::cli {

struct Choice;

struct PreflightOptions {
  std::string study;
  std::string worker = "cloister-worker";
  std::uint64_t cases_max = 20;  // looked at for spacing, size and labels; 0: all
  bool names = false;            // name the cases that something is wrong with
};
[[nodiscard]] Result<Answer> preflight(AgentLine& agent, const PreflightOptions& options);

// What the study asks, as the agent tells it (control verb `study`), against what the worker found:
// the result of `inspect-data` with the plan, and of a rehearsal of `register-data` (or why that
// failed). Pure: for tests.
struct Rehearsal {
  provenance::Json study;
  provenance::Json found;
  Result<provenance::Json> registered;
};
[[nodiscard]] Checks preflight_checks(const Rehearsal& rehearsal, Instant now);

void add_preflight(CLI::App& group, Choice& choice);

}  // namespace cloister::cli
