#include <CLI/CLI.hpp>
#include <memory>

#include "cli/doctor.h"
#include "cli/program.h"

namespace cloister::cli {

void add_doctor(CLI::App& app, Choice& choice) {
  CLI::App* verb = app.add_subcommand("doctor", "What is wrong on this machine, and what to do");
  const auto options = std::make_shared<DoctorOptions>();
  verb->add_option("--home", options->home, "A person's folder");
  verb->add_option("--agent", options->agent, "An agent's folder");
  verb->add_option("--process", options->process, "A coordinator's or a trainer's folder");
  verb->add_option("--worker", options->worker, "Worker program")->capture_default_str();
  verb->add_option("--images", options->cases_max, "How many of the site's cases to open; 0: all")
      ->capture_default_str();
  verb->add_flag("--cases", options->names, "Name the cases that something is wrong with");
  verb->footer("Example:\n  cloister doctor --agent /var/lib/cloister");
  verb->callback([&choice, options] { choice.run = [options] { return doctor(*options); }; });
}

}  // namespace cloister::cli
