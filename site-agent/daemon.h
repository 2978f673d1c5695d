// The agent as a process: configuration, control socket, and the shell around its core.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "member-shell/home.h"
#include "site-agent/core/policy.h"

namespace cloister::site_agent {

struct Config {
  member_shell::HomeConfig home;
  std::filesystem::path file;  // that it was read from
  std::filesystem::path policy_file;
  SitePolicy policy;
};

// agent.toml (docs/homes.md) and the policy it names.
[[nodiscard]] Result<Config> load_config(const std::filesystem::path& file);
// The effective configuration, for --check-config. Holds no secret.
[[nodiscard]] std::string to_text(const Config& config);

// Until SIGTERM or SIGINT. When asked to reopen (new keys, a changed policy) reads `file` again in
// the same process; a file with mistakes is told of and the old configuration goes on.
[[nodiscard]] Result<void> run(Config config, const std::filesystem::path& file);

}  // namespace cloister::site_agent
