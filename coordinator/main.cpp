#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/error_text.h"
#include "base/log.h"
#include "base/version.h"
#include "coordinator/backup.h"
#include "coordinator/daemon.h"
#include "coordinator/genesis.h"

namespace {

using namespace cloister;

Result<void> tell(const char* done, const Result<coordinator::Backup>& made) {
  if (!made) return pass(made);
  log_info(done, {{"records", std::to_string(made->head.size)},
                  {"root", to_hex(made->head.root)},
                  {"entries", std::to_string(made->entries)}});
  return {};
}

Result<void> put_back(const coordinator::Config& config, coordinator::RestoreOptions options) {
  const auto genesis = coordinator::load_genesis(config.genesis);
  if (!genesis) return pass(genesis);
  options.log = genesis->log;
  return tell("restored", coordinator::restore(config.home, options));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Sequences a consortium's ledger, hands out jobs and relays sealed bytes.",
               "cloister-coordinator");
  std::string file;
  std::string form = "text";
  bool check = false;
  bool verbose = false;
  app.add_option("--config", file, "coordinator.toml (docs/homes.md)")->required();
  app.add_flag("--check-config", check, "print the effective configuration and end");
  app.add_option("--log", form, "text or json, to standard error")
      ->check(CLI::IsMember({"text", "json"}));
  app.add_flag("--verbose", verbose, "log refused requests and lost lines as well");
  std::string copy;
  coordinator::RestoreOptions putting;
  app.add_option("--backup", copy,
                 "copy the ledger into this new folder and end; may run beside "
                 "a coordinator that serves");
  auto* from = app.add_option("--restore", putting.backup, "put a copy back and end");
  app.add_option("--head", putting.heads, "with --restore: a head that a site saw")->needs(from);
  app.add_flag("--accept-loss", putting.accept_loss,
               "with --restore: although more was signed than the copy holds")
      ->needs(from);
  app.set_version_flag("--version", std::string(program_version()));
  app.footer(
      "Examples:\n"
      "  cloister-coordinator --config /srv/cloister/coordinator.toml --log json\n"
      "  cloister-coordinator --config /srv/cloister/coordinator.toml --backup /backup/2026-11-26\n"
      "  cloister-coordinator --config /srv/cloister/coordinator.toml --restore /backup/2026-11-26 "
      "--head head-of-site-a");
  CLI11_PARSE(app, argc, argv);

  start_log({"coordinator", verbose ? LogLevel::debug : LogLevel::info,
             form == "json" ? LogForm::json : LogForm::text});
  const auto config = coordinator::load_config(file);
  if (check && !config) {
    std::fputs(error_text(config.error()).c_str(), stderr);
    return exit_status(config.error().kind);
  }
  if (check) return std::fputs(coordinator::to_text(*config).c_str(), stdout) < 0 ? 1 : 0;
  const auto act = [&]() -> Result<void> {
    if (!config) return pass(config);
    if (!copy.empty()) return tell("copied", coordinator::back_up(config->home, copy));
    if (!putting.backup.empty()) return put_back(*config, putting);
    return coordinator::run(*config);
  };
  const Result<void> ended = act();
  if (ended) return 0;
  log_error(ended.error().code, {{"what", ended.error().what}, {"next", ended.error().next}});
  return exit_status(ended.error().kind);
}
