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

TEST_CASE("presets stand for an encoder and a pooling", "[protocol][plan]") {
  const std::string hardened = with(good, "owner =", "preset = \"hardened\"\nowner =");
  const auto plan = plan_from_toml(hardened + "[hardening]\ncode_bits = 3\n", "plan.toml");
  REQUIRE(plan.has_value());
  CHECK(plan->encoder == "hardened");
  CHECK(plan->pooling == "adapted");
  CHECK(plan->hardening.code_bits == 3);
  CHECK(plan_from_json(to_json(*plan)).value() == *plan);
}

TEST_CASE("a guided plan says that the mask decoder leaves, or is refused", "[protocol][plan]") {
  const std::string guided = with(good, "owner =", "preset = \"guided\"\nowner =");
  const auto silent = plan_from_toml(guided, "plan.toml");
  REQUIRE_FALSE(silent.has_value());
  CHECK(silent.error().what.find("mask_decoder_leaves") != std::string::npos);
  const auto said =
      plan_from_toml(with(guided, "owner =", "mask_decoder_leaves = true\nowner ="), "plan.toml");
  REQUIRE(said.has_value());
  CHECK(said->pooling == "guided");
  // The consent means nothing where no decoder is needed.
  CHECK_FALSE(
      plan_from_toml(with(good, "owner =", "mask_decoder_leaves = true\nowner ="), "plan.toml")
          .has_value());
}

TEST_CASE("a threshold in a plan replaces the default of its indicator only", "[protocol][plan]") {
  const auto plan = plan_from_toml(
      good + "[[gate]]\nindicator = \"foreign-decoder\"\npass = 0.1\nfail = 0.2\n", "plan.toml");
  REQUIRE(plan.has_value());
  REQUIRE(plan->gate.size() == default_thresholds().size());
  for (const Threshold& one : plan->gate) {
    if (one.indicator == "foreign-decoder") CHECK(one.pass == 0.1);
  }
}

TEST_CASE("parts can be switched off one by one", "[protocol][plan]") {
  const auto plan = plan_from_toml(good + "[parts]\ntemperature = false\n", "plan.toml").value();
  CHECK_FALSE(plan.parts.temperature);
  CHECK(plan.parts.largest_component);
  CHECK(plan_from_json(to_json(plan)).value() == plan);
}

TEST_CASE("contradictions in a plan are refused", "[protocol][plan]") {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"views = 3", "size_px = 100"},
           {"owner = \"olga\"", "owner = \"olga\"\nquorum = 3"},
           {"owner = \"olga\"", "owner = \"olga\"\npreset = \"paper\"\npooling = \"adapted\""},
           {"owner = \"olga\"", "owner = \"olga\"\nencoder = \"hardened\""},
           {"owner = \"olga\"", "owner = \"olga\"\npreset = \"hardened\"\nencoder = \"task\""},
           {"sites = [\"site-a\", \"site-b\"]", "sites = []"},
           {"0000\"", "zzzz\""},
           {"study = \"heart\"", "study = \"../heart\""}}) {
    INFO(to);
    CHECK_FALSE(plan_from_toml(with(good, from, to), "plan.toml").has_value());
  }
}
