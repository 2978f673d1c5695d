#include <algorithm>
#include <catch2/catch.hpp>

#include "crypto/hash.h"
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

TEST_CASE("a key that is missing is one problem, and one that is no key another",
          "[protocol][plan]") {
  const auto problems_of = [](const std::string& value) {
    std::string text = good;
    const auto at = text.find("trainer_seal_key");
    text.replace(at, text.find('\n', at) - at, value);
    const std::string what = plan_from_toml(text, "plan.toml").error().what;
    std::size_t count = 0;
    for (auto found = what.find("trainer_seal_key"); found != std::string::npos;
         found = what.find("trainer_seal_key", found + 1)) {
      ++count;
    }
    return count;
  };
  CHECK(problems_of("") == 1);
  CHECK(problems_of("trainer_seal_key = \"\"") == 1);
  CHECK(problems_of("trainer_seal_key = \"abc\"") == 1);
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

TEST_CASE("a threshold keeps the direction of its indicator where the plan does not say one",
          "[protocol][plan]") {
  const auto read = [](const std::string& numbers) {
    return plan_from_toml(good + "[[gate]]\nindicator = \"mask-ceiling\"\n" + numbers, "plan.toml");
  };
  const auto plan = read("pass = 0.95\nfail = 0.92\n");
  REQUIRE(plan.has_value());
  for (const Threshold& one : plan->gate) {
    if (one.indicator == "mask-ceiling") CHECK(one == Threshold{"mask-ceiling", 0.95, 0.92, true});
  }
  const auto reversed = read("pass = 0.92\nfail = 0.95\n");
  REQUIRE_FALSE(reversed.has_value());
  CHECK(reversed.error().what.find("pass must be at least fail") != std::string::npos);
}

TEST_CASE("a threshold without a number is one problem", "[protocol][plan]") {
  for (const std::string numbers :
       {"pass = 0.5\n", "fail = 0.5\n", "pass = \"low\"\nfail = 0.5\n"}) {
    INFO(numbers);
    const auto plan =
        plan_from_toml(good + "[[gate]]\nindicator = \"mask-leakage\"\n" + numbers, "plan.toml");
    REQUIRE_FALSE(plan.has_value());
    const std::string& what = plan.error().what;
    CHECK(what.find("the wrong way round") == std::string::npos);
    CHECK(what.find("line ") == what.rfind("line "));
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

TEST_CASE("a contradiction in a table is told with file, line, key and what is allowed",
          "[protocol][plan]") {
  const auto told = [](const std::string& text) {
    const auto plan = plan_from_toml(text, "plan.toml");
    REQUIRE_FALSE(plan.has_value());
    CHECK(plan.error().what.starts_with("plan.toml has"));
    return plan.error().what;
  };
  const auto line_of = [](const std::string& text, std::string_view key) {
    const auto at = static_cast<std::ptrdiff_t>(text.find(key));
    return 1 + std::count(text.begin(), text.begin() + at, '\n');
  };
  const std::string size = with(good, "views = 3", "size_px = 100");
  CHECK(told(size).find(fmt::format("line {}: 'budget.size_px' is 100; it must be a multiple of "
                                    "16, like 96 or 112",
                                    line_of(size, "size_px"))) != std::string::npos);
  const std::string views = with(with(good, "views = 3", "test_time_views = 3"),
                                 "owner =", "preset = \"paper\"\nowner =");
  CHECK(told(views).find(fmt::format("line {}: 'budget.test_time_views' is 3",
                                     line_of(views, "test_time_views"))) != std::string::npos);
  const std::string gate =
      good + "[[gate]]\nindicator = \"mask-leakage\"\npass = 0.5\nfail = 0.1\n";
  CHECK(told(gate).find(fmt::format("line {}: ", line_of(gate, "pass ="))) != std::string::npos);
  CHECK(told(gate).find("pass must be at most fail") != std::string::npos);
}

TEST_CASE("a plan without a deadline keeps the bytes and the digest it had before there were any",
          "[protocol][plan]") {
  // All numbers said: what a preset stands for may change.
  const std::string said = good + R"toml(spacing_mm = 1.5
size_px = 192
image_encoder_steps = 3500
mask_encoder_steps = 8000
segmentation_steps = 4500
tune_steps = 400
attack_steps = 600
encoder_batch = 4
segmentation_batch = 8
test_time_views = 3
levels = 2
)toml";
  auto plan = plan_from_toml(said, "plan.toml").value();
  plan.backbone = "none";  // nor were there backbones
  plan.parts.own_segmentation = false;
  CHECK(plan.deadline.empty());
  CHECK_FALSE(offers_end(plan).has_value());
  CHECK(to_json(plan).find("deadline") == std::string::npos);
  // Golden: the digest that this plan had in the version before.
  CHECK(to_hex(crypto::sha256(as_bytes(to_json(plan)))) ==
        "407dde199f398252d1cbcaf8126775eeab5795f8bbfe83c4ed3ff2aba27226e7");
  CHECK(plan_from_json(to_json(plan)).value() == plan);
  CHECK(
      to_json(plan_from_toml(with(said, "owner =", "deadline = \"\"\nbackbone = \"none\"\nowner ="),
                             "plan.toml")
                  .value()) == to_json(plan));
}

TEST_CASE("an encoder that segments begins with a U-Net unless the plan says otherwise",
          "[protocol][plan]") {
  const auto plan = plan_from_toml(good, "plan.toml").value();
  CHECK(plan.encoder == "task");
  CHECK(plan.backbone == "unet");
  CHECK(to_json(plan).find("\"backbone\":\"unet\"") != std::string::npos);
  CHECK(plan_from_json(to_json(plan)).value() == plan);
  const auto literal =
      plan_from_toml(with(good, "owner =", "encoder = \"reconstruct\"\nowner ="), "plan.toml");
  REQUIRE(literal);
  CHECK(literal->backbone == "none");
  const auto both = plan_from_toml(
      with(good, "owner =", "encoder = \"reconstruct\"\nbackbone = \"unet\"\nowner ="),
      "plan.toml");
  REQUIRE_FALSE(both);
  CHECK(both.error().what.find("'backbone'") != std::string::npos);
}

TEST_CASE("a site's own segmentation counts where there is one, unless the plan says otherwise",
          "[protocol][plan]") {
  const auto plan = plan_from_toml(good, "plan.toml").value();
  CHECK(plan.parts.own_segmentation);
  CHECK(plan_from_json(to_json(plan)).value() == plan);
  const auto off = plan_from_toml(good + "[parts]\nown_segmentation = false\n", "plan.toml");
  REQUIRE(off);
  CHECK_FALSE(off->parts.own_segmentation);
  // Plans signed before it existed do not have it, and mean that.
  CHECK(to_json(*off).find("own_segmentation") == std::string::npos);
  CHECK(plan_from_json(to_json(*off)).value() == *off);
  const auto none = plan_from_toml(
      with(good, "owner =", "backbone = \"none\"\nowner =") + "[parts]\nown_segmentation = true\n",
      "plan.toml");
  REQUIRE_FALSE(none);
  CHECK(none.error().what.find("own_segmentation") != std::string::npos);
}

TEST_CASE("a deadline is the last day on which jobs are offered, and survives canonical JSON",
          "[protocol][plan]") {
  const std::string dated = with(good, "owner =", "deadline = \"2027-03-31\"\nowner =");
  const auto plan = plan_from_toml(dated, "plan.toml").value();
  const std::string json = to_json(plan);
  CHECK(json.find(R"("deadline":"2027-03-31","encoder")") != std::string::npos);
  CHECK(plan_from_json(json).value() == plan);
  CHECK(to_json(plan_from_json(json).value()) == json);
  const Instant end = instant_from_rfc3339("2027-04-01T00:00:00.000Z").value();
  CHECK(offers_end(plan) == end);
  CHECK_FALSE(is_over(plan, end + Duration(-1)));
  CHECK(is_over(plan, end));
}

TEST_CASE("what is no date is no deadline", "[protocol][plan]") {
  for (std::string_view bad : {"2027-02-30", "2027-3-31", "31.03.2027", "2027-03-31T00:00:00Z"}) {
    const auto plan = plan_from_toml(
        with(good, "owner =", fmt::format("deadline = \"{}\"\nowner =", bad)), "plan.toml");
    REQUIRE_FALSE(plan.has_value());
    CHECK(plan.error().what.find("is no date") != std::string::npos);
  }
}
