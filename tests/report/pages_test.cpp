// The single pages: model card, an ethics board's page, a pre-assessment.
#include <catch2/catch.hpp>

#include "report/model_card.h"
#include "report/preassess.h"
#include "sample_report.h"

using namespace cloister;
using namespace cloister::report;

namespace {

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

ModelFacts some_facts() {
  return {std::string(64, 'a'), std::string(64, 'b'), 41, "olivia", std::string(64, 'c'), true};
}

}  // namespace

TEST_CASE("a model card repeats data, modes, figures, exceptions and lineage", "[report]") {
  const Report report = sample::a_report();
  const auto json = provenance::parse_json(model_card_json(report, some_facts()));
  REQUIRE(json.has_value());
  CHECK(provenance::text_or_empty(*json, "model") == std::string(64, 'a'));
  CHECK(provenance::text_or_empty(*json->find("lineage"), "closure_digest") ==
        std::string(64, 'b'));
  const std::string html = model_card_html(report, some_facts());
  for (const Site& site : report.sites) {
    REQUIRE_FALSE(site.gate.exceptions.empty());
    CHECK(holds(html, site.id));
    const auto* told = json->find("sites")->find(site.id);
    REQUIRE(told != nullptr);
    CHECK(told->find("exceptions")->items()->size() == site.gate.exceptions.size());
    CHECK(told->find("membership")->items()->size() == 2);
    for (const Exception& one : site.gate.exceptions) CHECK(holds(html, one.signed_by));
  }
  CHECK(holds(html, "not a medical device"));
}

TEST_CASE("a card of a model that was not released says so, and a guided one what that means",
          "[report]") {
  Report report = sample::a_report();
  ModelFacts facts = some_facts();
  facts.released = false;
  CHECK(holds(model_card_html(report, facts), "not released"));
  CHECK_FALSE(holds(model_card_html(report, facts), "could read its masks"));
  report.study.mask_decoder_leaves = true;
  CHECK(holds(model_card_html(report, facts), "could read its masks"));
  CHECK(holds(gate_page_html(report, report.sites.front()), "read the outlines"));
}

TEST_CASE("a card names the network's files by their digests where they were exported",
          "[report]") {
  ModelFacts facts = some_facts();
  const Report report = sample::a_report();
  CHECK_FALSE(holds(model_card_html(report, facts), "network.onnx"));
  facts.files = {{"network.safetensors", std::string(64, 'a')},
                 {"network.onnx", std::string(64, 'd')}};
  CHECK(holds(model_card_html(report, facts), "network.onnx"));
  const auto json = provenance::parse_json(model_card_json(report, facts));
  REQUIRE(json.has_value());
  const auto& files = *json->find("files")->items();
  REQUIRE(files.size() == 2);
  CHECK(provenance::text_or_empty(files[1], "sha256") == std::string(64, 'd'));
}

TEST_CASE("an ethics board's page shows every indicator, its attacker and who signed", "[report]") {
  const Report report = sample::a_report();
  const Site& site = report.sites.front();
  const std::string html = gate_page_html(report, site);
  for (const Indicator& one : site.gate.indicators) {
    CHECK(holds(html, one.name));
    CHECK(holds(html, one.attacker));
  }
  for (const Indicator& one : site.membership) CHECK(holds(html, one.name));
  CHECK(holds(html, site.gate.exceptions.front().signed_by));
  CHECK(holds(html, "Not every test passed"));
  Site clean = site;
  clean.gate.exceptions.clear();
  CHECK(holds(gate_page_html(report, clean), "nothing may leave"));
}

TEST_CASE("a pre-assessment names a clause and a party for every indicator", "[report]") {
  for (const auto* name :
       {"re-identification", "channel-correlation", "surrogate-decoder", "known-plaintext-pairs",
        "foreign-decoder", "mask-leakage", "attribute-sex", "membership-auc", "mask-ceiling"}) {
    INFO(name);
    CHECK(accountability_of(name).clause != accountability_of("of-another-version").clause);
    CHECK_FALSE(accountability_of(name).party.empty());
  }
  Preassessment pilot;
  pilot.study = sample::a_report().study;
  pilot.study.title = "Hearts <together>";
  pilot.sites = sample::a_report().sites;
  pilot.data = "phantoms";
  pilot.scores = {{"site-a", "LV", "adapted", 0.8, 4}};
  const std::string html = preassess_html(pilot);
  CHECK(holds(html, "GDPR recital 26"));
  CHECK(holds(html, "Hearts &lt;together&gt;"));
  const auto json = provenance::parse_json(preassess_json(pilot));
  REQUIRE(json.has_value());
  const auto& first = json->find("sites")->find("site-a")->find("indicators")->items()->front();
  CHECK_FALSE(provenance::text_or_empty(first, "clause").empty());
  CHECK_FALSE(provenance::text_or_empty(first, "accountable").empty());
}
