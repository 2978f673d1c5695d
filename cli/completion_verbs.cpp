// `cloister completion`: written from the same tree of verbs that parses the arguments, so that it
// never lags behind.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/program.h"

namespace cloister::cli {
namespace {

std::string words_of(const CLI::App& app) {
  std::string words;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    words += verb->get_name() + " ";
  }
  for (const CLI::Option* option : app.get_options([](const CLI::Option*) { return true; })) {
    for (const auto& name : option->get_lnames()) words += "--" + name + " ";
  }
  return words;
}

void add_cases(const CLI::App& app, const std::string& path, std::string& cases) {
  cases += fmt::format("    '{}') words='{}' ;;\n", path, words_of(app));
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    add_cases(*verb, path.empty() ? verb->get_name() : path + " " + verb->get_name(), cases);
  }
}

std::string bash_script(const CLI::App& app) {
  std::string cases;
  add_cases(app, "", cases);
  return "# bash completion of cloister: source <(cloister completion bash)\n"
         "_cloister() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} path='' word words=''\n"
         "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
         "    case $word in -*) ;; *) path=\"${path:+$path }$word\" ;; esac\n"
         "  done\n"
         "  # Values of options are no verbs: shorten the path until it is one.\n"
         "  while :; do\n"
         "    case $path in\n" +
         cases +
         "    esac\n"
         "    [ -n \"$words\" ] || [ -z \"$path\" ] && break\n"
         "    case $path in *' '*) path=${path% *} ;; *) path='' ;; esac\n"
         "  done\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")\n"
         "  case $current in -*) ;; *) mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- "
         "\"$current\") ;; esac\n"
         "}\n"
         "complete -o filenames -F _cloister cloister\n";
}

}  // namespace

void add_completion(CLI::App& app, Choice& choice) {
  CLI::App* verb = app.add_subcommand("completion", "Shell completion, to be sourced");
  verb->footer("Example:\n  source <(cloister completion bash)");
  const auto shell = std::make_shared<std::string>("bash");
  verb->add_option("shell", *shell, "bash")->check(CLI::IsMember({"bash"}));
  const CLI::App* root = &app;
  verb->callback([&choice, root, shell] {
    choice.run = [root]() -> Result<Answer> {
      Answer answer;
      answer.text = bash_script(*root);
      answer.json.set("shell", "bash").set("script", answer.text);
      return answer;
    };
  });
}

}  // namespace cloister::cli
