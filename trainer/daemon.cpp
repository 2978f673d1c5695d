#include "trainer/daemon.h"

#include "base/file.h"
#include "base/log.h"
#include "crypto/hash.h"
#include "member-shell/control.h"
#include "member-shell/reopening.h"
#include "member-shell/shell.h"
#include "trainer/core/trainer.h"

namespace cloister::trainer {
namespace {

// What trained a model is part of its provenance.
Result<std::string> code_of(const std::filesystem::path& worker) {
  const auto program = read_file(worker, 1ULL << 30);
  if (!program) return pass(program);
  return to_hex(crypto::sha256(*program));
}

}  // namespace

Result<Config> load_config(const std::filesystem::path& file) {
  auto document = config::Document::from_file(file);
  if (!document) return pass(document);
  Config config{member_shell::read_home(document->root(), file)};
  config.ranks = static_cast<std::uint32_t>(document->root().whole("ranks", 1, {1, 64}));
  if (auto ok = document->check(); !ok) return pass(ok);
  return config;
}

std::string to_text(const Config& config) {
  return member_shell::to_text(config.home) + fmt::format("ranks = {}\n", config.ranks);
}

namespace {

member_shell::ControlOptions control_options(const std::filesystem::path& file) {
  member_shell::ControlOptions options;
  options.check_files = [file]() -> Result<void> {
    const auto fresh = load_config(file);
    if (!fresh) return pass(fresh);
    return {};
  };
  return options;
}

// Until it is to end (false) or to be opened again (true).
Result<bool> run_once(const Config& config, const std::filesystem::path& file) {
  auto home = member_shell::open_home(config.home);
  if (!home) return pass(home);
  auto code = code_of(config.home.worker);
  if (!code) return pass(code);
  TrainerOptions options{home->link, config.home.device, config.home.threads, config.ranks, *code};
  auto shell = member_shell::Shell::open(config.home, std::move(*home), {});
  if (!shell) return pass(shell);
  const auto stored = (*shell)->stored();
  if (!stored) return pass(stored);
  Trainer trainer(std::move(options), (*shell)->home().identity.sign, *stored);
  auto control = member_shell::Control::open(**shell, config.home.home, control_options(file));
  if (!control) return pass(control);
  (*shell)->set_core(
      {[&](const member::Event& event, Instant now) { return trainer.on(event, now); },
       [&] { return trainer.next_deadline(); }},
      [&](const member::Tell& tell) { (*control)->tell(tell); });
  log_info("trainer.started", {{"member", (*shell)->home().link.self.text()}});
  if (auto ran = (*shell)->run(); !ran) return pass(ran);
  return (*shell)->wants_reopening();
}

}  // namespace

Result<void> run(Config config, const std::filesystem::path& file) {
  return member_shell::run_and_reopen(
      std::move(config), [&] { return load_config(file); },
      [&](const Config& now) { return run_once(now, file); }, "trainer.reopened");
}

}  // namespace cloister::trainer
