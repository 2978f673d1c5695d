#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/error_text.h"
#include "base/log.h"
#include "base/version.h"
#include "crypto/start.h"
#include "site-agent/daemon.h"

int main(int argc, char** argv) {
  using namespace cloister;
  CLI::App app("Runs beside a hospital's data, dials out only, and lets nothing leave unsigned.",
               "cloister-agent");
  std::string file;
  std::string form = "text";
  bool check = false;
  bool verbose = false;
  app.add_option("--config", file, "agent.toml (docs/homes.md)")->required();
  app.add_flag("--check-config", check, "print the effective configuration and policy, and end");
  app.add_option("--log", form, "text or json, to standard error")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_flag("--verbose", verbose, "log refused requests and lost lines as well");
  app.set_version_flag("--version", std::string(program_version()));
  app.footer("Example: cloister-agent --config /srv/cloister/agent.toml --log json");
  CLI11_PARSE(app, argc, argv);

  start_log({"agent", verbose ? LogLevel::debug : LogLevel::info,
             form == "json" ? LogForm::json : LogForm::text});
  if (!crypto::start()) return 1;
  const auto config = site_agent::load_config(file);
  if (check && !config) {
    std::fputs(error_text(config.error()).c_str(), stderr);
    return exit_status(config.error().kind);
  }
  if (check) {
    return std::fputs(site_agent::to_text(*config).c_str(), stdout) < 0 ? 1 : 0;
  }
  const Result<void> ended = config ? site_agent::run(*config, file) : Result<void>(pass(config));
  if (ended) return 0;
  log_error(ended.error().code, {{"what", ended.error().what}, {"next", ended.error().next}});
  return exit_status(ended.error().kind);
}
