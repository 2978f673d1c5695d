// The single pages: model card, an ethics board's page, a pre-assessment.
#include <catch2/catch.hpp>

#include "report/artwork.h"
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
  CHECK(holds(gate_page_html(report, report.sites.front()), "can read masks"));
}

TEST_CASE("every page of a guided study says first that masks can be read, and who consented",
          "[report]") {
  Report report = sample::a_report();
  CHECK_FALSE(holds(to_html(report, {}), "can read masks"));
  CHECK(holds(to_html(report, {}), "masks, encoders and decoders stayed"));
  report.study.mask_decoder_leaves = true;
  DecoderConsent consent;
  consent.signed_by = "steward-a";
  consent.reason = "our board <agreed>";
  consent.record = std::string(64, 'd');
  consent.policy = std::string(64, 'e');
  consent.policy_signed_by = "admin-a";
  consent.policy_record = std::string(64, 'f');
  report.sites.front().decoder = consent;
  const Site& site = report.sites.front();
  const std::string page = to_html(report, {});
  CHECK(page.find("can read masks") < page.find("In short"));
  CHECK_FALSE(holds(page, "masks, encoders and decoders stayed"));
  CHECK_FALSE(holds(page, "no mask"));
  for (const std::string& html :
       {page, model_card_html(report, some_facts()), gate_page_html(report, site)}) {
    CHECK(holds(html, "The trainer can read masks in this study."));
    CHECK(holds(html, "steward-a"));
    CHECK(holds(html, "our board &lt;agreed&gt;"));
    CHECK(holds(html, "admin-a"));
    for (const char digit : {'d', 'e', 'f'}) CHECK(holds(html, std::string(64, digit)));
  }
  CHECK(holds(page, "nobody has signed"));  // the other sites
  CHECK_FALSE(holds(gate_page_html(report, site), "nobody has signed"));
  CHECK(holds(model_card_json(report, some_facts()), "steward-a"));
}

TEST_CASE("why a network was released all the same stands on every page about it", "[report]") {
  Report report = sample::a_report();
  Site& first = report.sites.front();
  first.network_exceptions.push_back(
      {first.network, "membership-auc", 0.7, "all agreed", "steward-q", std::string(64, 'c')});
  const std::string reason = "few patients, so membership cannot pass";
  CHECK(holds(to_html(report, {}), reason));
  CHECK(holds(model_card_html(report, some_facts()), reason));
  for (const std::string& html : {to_html(report, {}), model_card_html(report, some_facts()),
                                  gate_page_html(report, report.sites.front())}) {
    CHECK(holds(html, "steward-q"));
  }
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
  CHECK_FALSE(holds(html, "nothing may leave"));
  Site clean = site;
  clean.gate.exceptions.pop_back();  // one of several is enough
  CHECK(holds(gate_page_html(report, clean), "nothing may leave"));
  Site absent;
  absent.id = "site-z";
  CHECK(holds(gate_page_html(report, absent), "has not been run at this site"));
  CHECK_FALSE(holds(gate_page_html(report, absent), "Not every test passed"));
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

TEST_CASE("a pre-assessment of baselines alone says that no gate was run", "[report]") {
  Preassessment pilot;
  pilot.study = sample::a_report().study;
  pilot.data = "phantoms";
  pilot.modes = {"paper", "plaintext-unet"};
  pilot.scores = {{"site-a", "LV", "paper", 0.7, 4}};
  const std::string html = preassess_html(pilot);
  CHECK(holds(html, "No gate was run</strong> (tried: paper, plaintext-unet)"));
  CHECK(holds(html, "What was reached (DSC)"));
  CHECK_FALSE(holds(html, "the clause that asks for it"));
  CHECK_FALSE(holds(html, "tried from end to end"));
  const auto json = provenance::parse_json(preassess_json(pilot));
  REQUIRE(json.has_value());
  REQUIRE(json->find("modes")->items()->size() == 2);
  CHECK(*json->find("modes")->items()->front().text() == "paper");
}
