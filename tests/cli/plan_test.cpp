#include <catch2/catch.hpp>
#include <filesystem>

#include "base/file.h"
#include "cli/plan_template.h"
#include "cli/policy_template.h"
#include "cli/study_plan.h"
#include "config/fields.h"
#include "crypto/start.h"
#include "tests/cli/folder.h"

using namespace cloister;
using namespace cloister::cli;

namespace {

std::string filled_template() {
  std::string text = plan_template();
  const std::string hole = "replace-by-64-hexadecimal-digits";
  return text.replace(text.find(hole), hole.size(), std::string(64, '7'));
}

}  // namespace

TEST_CASE("the plan template is a good plan once the trainer's key is filled in", "[cli]") {
  const auto plan = protocol::plan_from_toml(filled_template(), "plan.toml");
  REQUIRE(plan);
  CHECK(plan->sites.size() == 3);
  CHECK(plan->budget.name == "standard");
}

TEST_CASE("the plan template as it is names the one thing to fill in", "[cli]") {
  const auto plan = protocol::plan_from_toml(plan_template(), "plan.toml");
  REQUIRE_FALSE(plan);
  CHECK(plan.error().what.find("trainer_seal_key") != std::string::npos);
}

TEST_CASE("a plan written as TOML reads back to the same plan", "[cli]") {
  auto plan = protocol::plan_from_toml(filled_template(), "plan.toml");
  REQUIRE(plan);
  plan->title = "Quotes \" and \\ survive";
  plan->budget.name = "custom";
  plan->budget.spacing_mm = 2;
  plan->mask_ceiling_min = 1;
  const auto again = protocol::plan_from_toml(plan_toml(*plan), "plan.toml");
  REQUIRE(again);
  CHECK(*again == *plan);
}

TEST_CASE("check says what a plan means and names its digest", "[cli]") {
  REQUIRE(crypto::start());
  const Folder folder;
  REQUIRE(write_text(folder.path / "plan.toml", filled_template()));
  const auto answer = check_plan(folder.path / "plan.toml");
  REQUIRE(answer);
  CHECK(answer->text.find("is a good plan") != std::string::npos);
  CHECK(provenance::text_or_empty(answer->json, "digest").size() == 64);
}

TEST_CASE("check warns of a quorum of half of the sites or fewer, and of no other", "[cli]") {
  REQUIRE(crypto::start());
  auto plan = protocol::plan_from_toml(filled_template(), "plan.toml").value();
  plan.sites = {"site-a", "site-b", "site-c", "site-d"};
  plan.quorum = 3;
  CHECK(plan_warnings(plan).empty());
  plan.quorum = 2;
  REQUIRE(plan_warnings(plan).size() == 1);
  const Folder folder;
  REQUIRE(write_text(folder.path / "plan.toml", plan_toml(plan)));
  const auto answer = check_plan(folder.path / "plan.toml");
  REQUIRE(answer);  // a warning: the plan stays a good one
  CHECK(answer->text.find("Warning: quorum 2 is not more than half of 4 sites") !=
        std::string::npos);
  CHECK(answer->text.find("Ask for 3 or more") != std::string::npos);
  CHECK(answer->json.find("warnings")->items()->size() == 1);
  plan.sites = {"site-a"};
  plan.quorum = 1;
  CHECK(plan_warnings(plan).empty());
}

TEST_CASE("check reports every problem of a plan at once", "[cli]") {
  const Folder folder;
  REQUIRE(write_text(folder.path / "plan.toml", "study = \"S\"\nquorum = 9\nepochs = 3\n"));
  const auto answer = check_plan(folder.path / "plan.toml");
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == "plan.invalid");
  for (const auto* part : {"title", "epochs", "sites"}) {
    CHECK(answer.error().what.find(part) != std::string::npos);
  }
}

TEST_CASE("the policy template is TOML whose every key docs/homes.md lists", "[cli]") {
  const auto docs = read_text("docs/homes.md");
  REQUIRE(docs);
  auto document =
      config::Document::from_toml(policy_template({"/srv/heart", "", 1}), "policy.toml");
  REQUIRE(document);
  const auto keys = document->root().keys();
  CHECK(keys.size() >= 15);
  for (const auto& key : keys) {
    INFO(key);
    CHECK(docs->find("`" + key + "`") != std::string::npos);
  }
}
