// The command line: one CLI11 application, one verb chosen, one answer or error printed.
#pragma once

#include <filesystem>
#include <string>

#include "cli/answer.h"
#include "cli/keys.h"

namespace CLI {
class App;
}

namespace cloister::cli {

// Filled while the arguments are parsed.
struct Choice {
  Verb run;           // of the verb that was named
  bool json = false;  // --json, anywhere
};

// What every verb of a person takes.
struct Who {
  std::filesystem::path home;
  PassphraseSource passphrase;
};
void add_who(CLI::App& verb, Who& who);
// `--device`: where workers compute. `help` begins the option's help.
void add_device(CLI::App& verb, std::string& device, const std::string& help);

// `consortium join` and `site enrol`: the same act, for people and for agents.
void add_join(CLI::App& group, Choice& choice, const char* name, const char* help);

// `consortium rotate`, `site rotate` and `trainer rotate`: new keys for a person, for an agent, or
// for a trainer.
enum class KeysOf { person, agent, trainer };
void add_rotate(CLI::App& group, Choice& choice, KeysOf whose);

void add_demo(CLI::App& app, Choice& choice);
void add_consortium(CLI::App& app, Choice& choice);
void add_study(CLI::App& app, Choice& choice);
void add_site(CLI::App& app, Choice& choice);
void add_trainer(CLI::App& app, Choice& choice);
void add_predict(CLI::App& app, Choice& choice);
void add_phantom(CLI::App& app, Choice& choice);
void add_audit(CLI::App& app, Choice& choice);
void add_erase(CLI::App& app, Choice& choice);
void add_doctor(CLI::App& app, Choice& choice);
void add_completion(CLI::App& app, Choice& choice);

// All verbs, with their help and examples.
void set_up(CLI::App& app, Choice& choice);
// Exit status: 0, or exit_status() of the error's kind (docs/cli.md).
[[nodiscard]] int run(int argc, char** argv);

}  // namespace cloister::cli
