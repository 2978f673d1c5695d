// policy.toml: what a site's administrator writes. The template with a reason for every key is
// written at enrolment by `cloister site enrol`.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "site-agent/core/policy.h"

namespace cloister::site_agent {

// Takes `withdrawn-cases.txt` beside it along where there is one: a case or a patient a line, '#'
// begins a comment. It is read here and by the worker, and by nobody else.
// Unknown keys are refused; all problems are reported together ("config.*"). The digest is that of
// the file's bytes.
[[nodiscard]] Result<SitePolicy> load_policy(const std::filesystem::path& file);
// "always", or "20:00-06:00" in UTC. "policy.hours".
[[nodiscard]] Result<WorkingHours> hours_from_text(std::string_view text);

}  // namespace cloister::site_agent
