// What every verb owes to the person who types it.
#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>
#include <functional>

#include "cli/program.h"

using namespace cloister::cli;

namespace {

// Every command below `app`, with the words that lead to it.
void each_verb(const CLI::App& app, const std::string& path,
               const std::function<void(const CLI::App&, const std::string&)>& visit) {
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    const std::string whole = path + " " + verb->get_name();
    visit(*verb, whole);
    each_verb(*verb, whole, visit);
  }
}

}  // namespace

TEST_CASE("every verb says what it is for and shows an example of itself", "[cli]") {
  CLI::App app;
  Choice choice;
  set_up(app, choice);
  std::size_t verbs = 0;
  each_verb(app, "cloister", [&](const CLI::App& verb, const std::string& path) {
    INFO(path);
    ++verbs;
    CHECK_FALSE(verb.get_description().empty());
    CHECK(verb.get_footer().find("Example") == 0);
    CHECK(verb.get_footer().find(path) != std::string::npos);
  });
  CHECK(verbs > 40);
}

TEST_CASE("every option and argument of every verb is explained", "[cli]") {
  CLI::App app;
  Choice choice;
  set_up(app, choice);
  each_verb(app, "cloister", [](const CLI::App& verb, const std::string& path) {
    for (const CLI::Option* option : verb.get_options()) {
      INFO(path << " " << option->get_name());
      CHECK_FALSE(option->get_description().empty());
    }
  });
}

TEST_CASE("a device that has no name is refused where it is typed", "[cli]") {
  for (const std::string device : {"cpu", "cuda", "cuda:1", "cuda:1 mixed", "cpu mixed"}) {
    CLI::App app;
    Choice choice;
    set_up(app, choice);
    CHECK_NOTHROW(app.parse(std::vector<std::string>{device, "--device", "demo"}));
  }
  for (const std::string device : {"gpu", "cuda:", "cuda:x", "cuda mixed mixed", ""}) {
    CLI::App app;
    Choice choice;
    set_up(app, choice);
    CHECK_THROWS_AS(app.parse(std::vector<std::string>{device, "--device", "demo"}),
                    CLI::ValidationError);
  }
}
