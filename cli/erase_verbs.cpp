#include <CLI/CLI.hpp>
#include <memory>

#include "cli/erase.h"
#include "cli/program.h"

namespace cloister::cli {

void add_erase(CLI::App& app, Choice& choice) {
  CLI::App* verb = app.add_subcommand(
      "erase", "Erase the words that somebody wrote into a record; every proof still holds");
  const auto who = std::make_shared<Who>();
  const auto options = std::make_shared<EraseOptions>();
  verb->add_option("RECORD", options->record, "Its number in the ledger, or its leaf hash")
      ->required();
  verb->add_option("--basis", options->basis,
                   "In law; stays in the ledger for good, so name nobody");
  add_who(*verb, *who);
  verb->footer("Example:\n  cloister erase 122 --basis \"GDPR Article 17\" --home ~/.cloister/sam");
  verb->callback([&choice, who, options] {
    choice.run = [who, options]() -> Result<Answer> {
      auto seat = take_seat(who->home, who->passphrase);
      if (!seat) return pass(seat);
      return erase_words(*seat, *options);
    };
  });
}

}  // namespace cloister::cli
