// policy.toml: what a site's administrator writes. The template with a reason for every key is
// written at enrolment by `cloister site enrol`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "site-agent/core/policy.h"

namespace cloister::site_agent {

// Takes `withdrawn-cases.txt` beside it along where there is one: a case or a patient a line, '#'
// begins a comment. It is read here and by the worker, and by nobody else.
// Unknown keys are refused; all problems are reported together ("config.*"). The digest is that of
// the file's bytes.
[[nodiscard]] Result<SitePolicy> load_policy(const std::filesystem::path& file);

// The same file followed while the agent runs, so that whoever wrote a name there may rely on it.
class WithdrawnCases {
 public:
  // Beside this policy, which was read just before.
  explicit WithdrawnCases(const std::filesystem::path& policy_file);
  // The names now, or why they cannot be read, if the file has changed since it was asked last.
  [[nodiscard]] std::optional<Result<std::vector<std::string>>> changed();

 private:
  struct Seen {
    std::filesystem::file_time_type written;
    std::uintmax_t size = 0;
    friend bool operator==(const Seen&, const Seen&) = default;
  };
  [[nodiscard]] Seen look() const;

  std::filesystem::path file_;
  Seen seen_;
  std::optional<Error> failed_;  // why it could not be read, as it was told
};

// "always", or "20:00-06:00" in UTC. "policy.hours".
[[nodiscard]] Result<WorkingHours> hours_from_text(std::string_view text);

}  // namespace cloister::site_agent
