#include <CLI/CLI.hpp>
#include <memory>

#include "cli/program.h"
#include "cli/trainer.h"

namespace cloister::cli {
namespace {

using Home = std::shared_ptr<std::filesystem::path>;

Home add_home(CLI::App& verb) {
  const auto home = std::make_shared<std::filesystem::path>();
  verb.add_option("--trainer", *home, "The trainer's folder")
      ->envname("CLOISTER_TRAINER")
      ->required();
  verb.footer("Example:\n  cloister trainer " + verb.get_name() +
              " --trainer /var/lib/cloister/trainer");
  return home;
}

void add_status(CLI::App& group, Choice& choice) {
  CLI::App* verb =
      group.add_subcommand("status", "The trainer: connection, keys, jobs and what they wait for");
  const Home home = add_home(*verb);
  verb->callback([&choice, home] {
    choice.run = [home]() -> Result<Answer> {
      auto trainer = AgentLine::open_trainer(*home);
      if (!trainer) return pass(trainer);
      return trainer_status(*trainer);
    };
  });
}

void add_confirm(CLI::App& group, Choice& choice) {
  CLI::App* verb = group.add_subcommand(
      "confirm", "Let a halted trainer go on, after a person has looked into it");
  const auto sure = std::make_shared<bool>(false);
  verb->add_flag("--sure", *sure, "Heads were compared and no copy of the trainer runs");
  const Home home = add_home(*verb);
  verb->callback([&choice, home, sure] {
    choice.run = [home, sure]() -> Result<Answer> {
      auto trainer = AgentLine::open_trainer(*home);
      if (!trainer) return pass(trainer);
      return confirm_process(*trainer, ProcessKind::trainer, *sure);
    };
  });
}

}  // namespace

void add_trainer(CLI::App& app, Choice& choice) {
  CLI::App* group = app.add_subcommand("trainer", "Look at a trainer; give it new keys");
  group->require_subcommand(1);
  add_status(*group, choice);
  add_rotate(*group, choice, KeysOf::trainer);
  add_confirm(*group, choice);
}

}  // namespace cloister::cli
