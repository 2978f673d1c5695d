// The trainer as a process: configuration and the shell around its core.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "member-shell/home.h"

namespace cloister::trainer {

struct Config {
  member_shell::HomeConfig home;
  std::uint32_t ranks = 1;  // processes of one training
};

// trainer.toml (docs/homes.md).
[[nodiscard]] Result<Config> load_config(const std::filesystem::path& file);
// The effective configuration, for --check-config. Holds no secret.
[[nodiscard]] std::string to_text(const Config& config);

// Until SIGTERM or SIGINT. `file` is read again when a person changed the trainer's keys.
[[nodiscard]] Result<void> run(Config config, const std::filesystem::path& file);

}  // namespace cloister::trainer
