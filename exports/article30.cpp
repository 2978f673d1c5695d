// Record of processing activities in the sense of Article 30 GDPR: paragraph 1 for each controller
// (a site), paragraph 2 for the processor (the trainer's institution).
#include "exports/exports.h"
#include "exports/facts.h"
#include "exports/words.h"

namespace cloister::exports {
namespace {

using Rows = std::vector<std::vector<std::string>>;

constexpr const char* missing = "not in the ledger: to be filled in by the controller";

std::string joined(const std::vector<std::string>& words, const char* none) {
  std::string out;
  for (const auto& word : words) out += (out.empty() ? "" : "; ") + word;
  return out.empty() ? none : out;
}

std::string recipients(const ExportView& view, const std::string& site, const Facts& facts) {
  const auto found = view.departures.find(site);
  const bool left = found != view.departures.end() && !found->second.empty();
  const std::string trainer = facts.plan ? facts.plan->trainer : "";
  return left ? fmt::format("{} (codes, sealed to it; see disclosures)", trainer)
              : "none: nothing has left";
}

std::string measures(const SiteFacts& site, const Facts& facts) {
  std::string gate;
  for (const auto& one : site.gate) gate += fmt::format(" {}: {};", one.indicator, one.verdict);
  return fmt::format(
      "{} stay at the site; what leaves is sealed ({}) to one "
      "recipient under a permit of a named person; privacy gate:{} every step signed and in an "
      "append-only ledger that the sites witness",
      site.decoder_left
          ? "images, encoders and image decoders (not the mask decoder: the recipient "
            "can read this site's masks)"
          : "images, masks, encoders and decoders",
      joined(facts.ciphers, "no cipher recorded"), gate.empty() ? " no report yet;" : gate);
}

Rows controllers(const ExportView& view, const Facts& facts) {
  Rows rows{{"controller", "contact, representative, data protection officer (a)", "purposes (b)",
             "legal basis", "categories of persons and data (c)", "recipients (d)",
             "transfers to third countries (e)", "time limits for erasure (f)",
             "security measures (g)"}};
  const std::string days =
      facts.plan ? fmt::format("shards at the coordinator: {} days", facts.plan->retention_days)
                 : missing;
  for (const auto& [id, site] : facts.sites) {
    rows.push_back(
        {id, missing, facts.plan ? facts.plan->purpose : missing,
         facts.plan ? facts.plan->legal_basis : missing,
         fmt::format("{} patients; cardiac images and masks (health data, Article 9), as codes in "
                     "the study; {} files committed to",
                     site.patients, site.files),
         recipients(view, id, facts), joined(facts.cross_border, "none recorded"),
         fmt::format("{}; data at the site: {}", days, missing), measures(site, facts)});
  }
  return rows;
}

Rows processor(const Facts& facts) {
  std::vector<std::string> sites;
  for (const auto& [id, site] : facts.sites) sites.push_back(id);
  const std::string guided = guided_sites(facts);
  return {
      {"processor", "controllers it acts for (2a)", "categories of processing (2b)",
       "transfers to third countries (2c)", "security measures (2d)"},
      {facts.plan ? facts.plan->trainer : missing, joined(sites, "none"),
       "training of one shared network on codes; predictions on codes",
       joined(facts.cross_border, "none recorded"),
       guided.empty()
           ? "codes are opened in memory only; sealed copies are wiped; no image or mask is held"
           : "codes are opened in memory only; sealed copies are wiped; no image is held; the "
             "mask decoders of " +
                 guided + " are, with which it can read their masks"}};
}

}  // namespace

Files to_article30(const ExportView& view) {
  const Facts facts = facts_of(view);
  const Rows first = controllers(view, facts);
  const Rows second = processor(facts);
  std::string csv;
  for (const auto& row : first) csv += csv_row(row);
  csv += "\r\n";
  for (const auto& row : second) csv += csv_row(row);
  std::string body = "<h2>Controllers (Article 30(1))</h2>\n" + html_table(first) +
                     "<h2>Processor (Article 30(2))</h2>\n" + html_table(second) +
                     "<p class=\"missing\">What the ledger does not hold is named as missing; this "
                     "record is complete only when the controller has filled it in.</p>\n";
  return {{"article30.csv", std::move(csv)},
          {"article30.html", html_page(view, "Record of processing activities", body)}};
}

}  // namespace cloister::exports
