// `cloister site report`: what the site alone may see, from the files its agent keeps for it.
#pragma once

#include <filesystem>
#include <string>

#include "cli/answer.h"
#include "report/site_report.h"

namespace CLI {
class App;
}

namespace cloister::cli {

struct Choice;

// Reads reports/ of the agent's home: of each kind of job the newest one of `study`. Whoever may
// open that folder may see this; nothing is asked of the agent. "site.no_report".
[[nodiscard]] Result<report::SiteReport> collect_site_report(const std::filesystem::path& agent,
                                                             const std::string& study);
[[nodiscard]] Result<Answer> site_report(const std::filesystem::path& agent,
                                         const std::string& study,
                                         const std::filesystem::path& page);
void add_site_report(CLI::App& group, Choice& choice);

}  // namespace cloister::cli
