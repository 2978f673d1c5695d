#include "cli/program.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/error_text.h"
#include "base/log.h"
#include "base/plain.h"
#include "base/version.h"
#include "crypto/start.h"

namespace cloister::cli {
namespace {

void print_error(const Error& error, bool json) {
  if (json) {
    const auto body = provenance::Json::object()
                          .set("kind", to_string(error.kind))
                          .set("code", error.code)
                          .set("what", error.what)
                          .set("next", error.next);
    const auto whole = provenance::Json::object().set("error", body);
    fmt::print(stderr, "{}\n", to_jcs(whole));
    return;
  }
  std::fputs(error_text(error).c_str(), stderr);
}

int print(const Result<Answer>& answer, bool json) {
  if (!answer) {
    std::fflush(stdout);
    print_error(answer.error(), json);
    return exit_status(answer.error().kind);
  }
  if (json && answer->json.is_null()) return 0;  // it was said while the verb ran
  const std::string out = json ? to_pretty(answer->json) + "\n" : plain_lines(answer->text);
  std::fwrite(out.data(), 1, out.size(), stdout);
  if (std::fflush(stdout) == 0) return answer->status;
  return exit_status(Kind::unavailable);  // a full disk or a closed pipe behind stdout
}

// "cloister audit trace ..." out of a verb's footer.
std::string first_example(const CLI::App& verb) {
  const std::string footer = verb.get_footer();
  const std::size_t at = footer.find("\n  cloister");
  if (at == std::string::npos) return {};
  return footer.substr(at, footer.find('\n', at + 1) - at);
}

struct Meaning {
  std::string_view argument;
  const char* words;
};
// Arguments that mean the same in every verb are explained once.
constexpr Meaning meanings[] = {
    {"JOB", "A job's id, as `cloister site jobs` lists it"},
    {"STUDY", "The study's id"},
    {"study", "The study's id"},
    {"site", "The site's id"},
    {"member", "A member's id, as `cloister consortium members` lists it"},
    {"FILE", "The file"},
    {"file-or-digest", "A file, its SHA-256 or the beginning of it, or a record's number"},
    {"record", "Its number, its leaf hash, or the beginning of that"}};

void explain_arguments(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    const auto known =
        std::find_if(std::begin(meanings), std::end(meanings),
                     [&](const Meaning& one) { return one.argument == option->get_name(true); });
    if (known != std::end(meanings) && option->get_description().empty()) {
      option->description(known->words);
    }
  }
  for (CLI::App* verb : app.get_subcommands([](CLI::App*) { return true; })) {
    explain_arguments(*verb);
  }
}

// A group shows how its first verbs are used, so that it never lags behind them.
void give_examples(CLI::App& app) {
  constexpr std::size_t shown_max = 6;
  const auto all = [](CLI::App*) { return true; };
  for (CLI::App* group : app.get_subcommands(all)) {
    if (!group->get_footer().empty()) continue;
    std::string text = "Examples:";
    const auto verbs = group->get_subcommands(all);
    for (std::size_t i = 0; i < std::min(shown_max, verbs.size()); ++i) {
      text += first_example(*verbs[i]);
    }
    group->footer(text);
  }
}

}  // namespace

void set_up(CLI::App& app, Choice& choice) {
  app.name("cloister");
  app.require_subcommand(1);
  app.fallthrough();
  app.set_version_flag("--version", std::string(program_version()));
  app.add_flag("--json", choice.json, "Answer as JSON (errors too, on standard error)");
  add_demo(app, choice);
  add_consortium(app, choice);
  add_study(app, choice);
  add_site(app, choice);
  add_trainer(app, choice);
  add_predict(app, choice);
  add_phantom(app, choice);
  add_audit(app, choice);
  add_erase(app, choice);
  add_doctor(app, choice);
  add_completion(app, choice);
  give_examples(app);
  explain_arguments(app);
  app.footer(  // last: verbs inherit the footer that is there when they are added
      "Three kinds of people:\n"
      "  a study owner       cloister study template > plan.toml\n"
      "  a site's people     cloister site status --agent DIR\n"
      "  an auditor          cloister audit trace prediction.nii.gz --home DIR\n"
      "First look: cloister demo\n"
      "Exit status: 0, or 11 to 20 by kind of error (docs/cli.md). Each verb has examples: "
      "cloister "
      "VERB --help");
}

namespace {

int usage_error(const CLI::App& app, const CLI::ParseError& problem, bool json) {
  if (problem.get_exit_code() == 0) return app.exit(problem);  // --help, --version
  const CLI::App* at = &app;
  for (auto below = at->get_subcommands(); !below.empty(); below = at->get_subcommands()) {
    at = below.front();
  }
  std::string path;
  for (const CLI::App* one = at; one->get_parent() != nullptr; one = one->get_parent()) {
    path = " " + one->get_name() + path;
  }
  std::string what = problem.what();
  if (what == "A subcommand is required") what = "A verb is missing";
  print_error(Error{Kind::invalid, "cli.usage", what + ".",
                    fmt::format("cloister{} --help shows how it is used.", path)},
              json);
  return exit_status(Kind::invalid);
}

}  // namespace

void add_who(CLI::App& verb, Who& who) {
  verb.add_option("--home", who.home, "Your folder: key file, membership.json, connection.toml")
      ->envname("CLOISTER_HOME")
      ->required();
  verb.add_option("--passphrase-file", who.passphrase.file,
                  "File (0600) whose first line opens the key; else CLOISTER_PASSPHRASE, else the "
                  "terminal asks");
}

namespace {

// As networks/job.h reads it, which this program does not link.
bool is_device(std::string_view text) {
  constexpr std::string_view mixed = " mixed";
  constexpr std::string_view numbered = "cuda:";
  if (text.ends_with(mixed)) text.remove_suffix(mixed.size());
  if (text == "cpu" || text == "cuda") return true;
  if (!text.starts_with(numbered)) return false;
  text.remove_prefix(numbered.size());
  return !text.empty() && text.size() <= 2 &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

void add_device(CLI::App& verb, std::string& device, const std::string& help) {
  const auto check = [](const std::string& text) {
    return is_device(text) ? std::string()
                           : fmt::format("there is no device '{}': use cpu, cuda or cuda:1", text);
  };
  verb.add_option("--device", device,
                  help + ": cpu, cuda, cuda:1; with ' mixed' behind it in mixed precision")
      ->check(CLI::Validator(check, "DEVICE"))
      ->capture_default_str();
}

int run(int argc, char** argv) {
  Choice choice;
  CLI::App app("Hospitals train one segmentation network together; images and masks never leave.");
  set_up(app, choice);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    return usage_error(app, problem, choice.json);
  }
  start_log({.process = "cloister", .level = LogLevel::warn});
  if (auto started = crypto::start(); !started) {
    print_error(started.error(), choice.json);
    return exit_status(started.error().kind);
  }
  if (!choice.run) {
    print_error(
        Error{Kind::invalid, "cli.usage", "A verb is missing.", "cloister --help lists the verbs."},
        choice.json);
    return exit_status(Kind::invalid);
  }
  return print(choice.run(), choice.json);
}

}  // namespace cloister::cli
