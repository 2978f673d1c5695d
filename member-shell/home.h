// A member's home folder: its configuration, its keys, and who it belongs to (docs/homes.md).
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "config/fields.h"
#include "crypto/identity.h"
#include "member/link.h"
#include "transport/connection.h"

namespace cloister::member_shell {

// What agent.toml and trainer.toml share.
struct HomeConfig {
  transport::Address coordinator;
  std::filesystem::path home;
  std::filesystem::path identity;
  std::filesystem::path passphrase_file;  // empty: CLOISTER_PASSPHRASE, or asked
  std::filesystem::path membership;
  std::filesystem::path worker;  // found: absolute
  std::string device = "cpu";
  std::uint32_t threads = 0;  // of a worker; 0: as many as there are
  std::string metrics;        // loopback address of the page for Prometheus; empty: none
};

// Reads the fields; problems are the document's to report. `file` is the configuration's own path.
[[nodiscard]] HomeConfig read_home(const config::Fields& root, const std::filesystem::path& file);
// For --check-config; no secret in it.
[[nodiscard]] std::string to_text(const HomeConfig& config);

// A worker's name is looked for beside the program, then on PATH. "worker.not_found".
[[nodiscard]] Result<std::filesystem::path> find_worker(const std::filesystem::path& name);

struct Home {
  crypto::Identity identity;
  member::LinkOptions link;
  transport::Server server;
};
// Opens keys and membership. "home.*" and the errors of key files.
[[nodiscard]] Result<Home> open_home(const HomeConfig& config);

}  // namespace cloister::member_shell
