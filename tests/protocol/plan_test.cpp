#include <catch2/catch.hpp>

#include "protocol/plan.h"

using namespace cloister;
using namespace cloister::protocol;

namespace {

const std::string good = R"toml(
study = "heart"
title = "Hearts together"
purpose = "Research on cardiac function"
legal_basis = "Consent, GDPR Art. 9(2)(a)"
owner = "olga"
trainer = "trainer"
trainer_seal_key = "0000000000000000000000000000000000000000000000000000000000000000"
sites = ["site-a", "site-b"]
structures = ["LV", "MYO", "RV"]
[budget]
name = "standard"
views = 3
)toml";

std::string with(std::string text, std::string_view from, std::string_view to) {
  text.replace(text.find(from), from.size(), to);
  return text;
}

}  // namespace

TEST_CASE("a plan in TOML takes the budget's numbers and the person's own", "[protocol][plan]") {
  const auto plan = plan_from_toml(good, "plan.toml");
  REQUIRE(plan.has_value());
  CHECK(plan->budget.views == 3);
  CHECK(plan->budget.size_px == budget_preset("standard")->size_px);
  CHECK(plan->quorum == 2);
  CHECK(plan->pooling == "adapted");
  CHECK(plan->gate == default_thresholds());
}

TEST_CASE("a plan survives its canonical JSON to the byte", "[protocol][plan]") {
  const auto plan = plan_from_toml(good, "plan.toml").value();
  const std::string json = to_json(plan);
  const auto again = plan_from_json(json);
  REQUIRE(again.has_value());
  CHECK(*again == plan);
  CHECK(to_json(*again) == json);
}

TEST_CASE("all problems of a plan are told together", "[protocol][plan]") {
  std::string bad = with(good, "views = 3", "veiws = 3");
  bad = with(bad, "title = \"Hearts together\"\n", "");
  bad = with(bad, "\"site-b\"", "\"site-a\"");
  const auto plan = plan_from_toml(bad, "plan.toml");
  REQUIRE_FALSE(plan.has_value());
  CHECK(plan.error().code == "plan.invalid");
  for (std::string_view part : {"veiws", "title", "names a site twice"}) {
    INFO(plan.error().what);
    CHECK(plan.error().what.find(part) != std::string::npos);
  }
}

TEST_CASE("contradictions in a plan are refused", "[protocol][plan]") {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"views = 3", "size_px = 100"},
           {"owner = \"olga\"", "owner = \"olga\"\nquorum = 3"},
           {"owner = \"olga\"", "owner = \"olga\"\npreset = \"paper\"\npooling = \"adapted\""},
           {"sites = [\"site-a\", \"site-b\"]", "sites = []"},
           {"0000\"", "zzzz\""},
           {"study = \"heart\"", "study = \"../heart\""}}) {
    INFO(to);
    CHECK_FALSE(plan_from_toml(with(good, from, to), "plan.toml").has_value());
  }
}
