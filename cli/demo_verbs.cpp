#include <CLI/CLI.hpp>
#include <memory>

#include "cli/demo/demo.h"
#include "cli/program.h"

namespace cloister::cli {

void add_demo(CLI::App& app, Choice& choice) {
  CLI::App* verb =
      app.add_subcommand("demo", "A whole consortium on this machine, from keys to evidence");
  const auto options = std::make_shared<DemoOptions>();
  verb->add_option("--out", options->out, "Folder for everything it leaves")->capture_default_str();
  verb->add_option("--data", options->data,
                   "Folder with one sub-folder a site (nnU-Net raw or M&Ms layout); else phantoms");
  verb->add_option("--budget", options->budget,
                   "quick: minutes, standard: about an hour, full: a GPU")
      ->check(CLI::IsMember({"quick", "standard", "full", "rehearsal"}))
      ->capture_default_str();
  verb->add_option(
          "--mode", options->preset,
          "adapted; paper: the literal method; hardened: encoders trained against an attacker; "
          "guided: the trainer gets the mask decoders and can read masks")
      ->check(CLI::IsMember({"adapted", "paper", "hardened", "guided"}))
      ->capture_default_str();
  add_device(*verb, options->device, "Where everybody computes");
  verb->add_option("--seed", options->seed, "Of the phantoms")->capture_default_str();
  verb->add_flag(
      "--baselines", options->baselines,
      "Also train, on the same data and with as many steps: each site alone, the paper's "
      "method, and a U-Net on the plain images (about as long again)");
  verb->add_flag("--fresh", options->fresh, "Throw away what an earlier run left");
  verb->add_flag_callback(
      "--resume", [options] { options->fresh = false; },
      "Go on with an unfinished run (this is what happens anyway)");
  verb->footer(
      "Examples:\n  cloister demo\n  cloister demo --data ../shared/data/sax-dijon --budget "
      "standard");
  verb->callback([&choice, options] {
    choice.run = [options, &choice]() -> Result<Answer> {
      options->json = choice.json;
      return run_demo(*options);
    };
  });
}

}  // namespace cloister::cli
