// The pilot of a plan before anyone joins, as a page that a regulator can read: every indicator
// with the clause that asks for it and the party accountable for it.
#pragma once

#include <string>
#include <vector>

#include "provenance/json.h"
#include "report/report.h"

namespace cloister::report {

// Why an indicator is measured and who answers for it. Clauses are of the GDPR, and of the Article
// 29 Working Party's opinion 05/2014 (WP 216) for its three risks.
struct Accountability {
  std::string_view indicator;
  std::string_view clause;
  std::string_view party;
};
// Of "attribute-..." by its beginning; an unknown one names the plan's own clause.
[[nodiscard]] Accountability accountability_of(std::string_view indicator);

struct PilotScore {
  std::string site;
  std::string structure;
  std::string mode;
  double dsc = 0;
  std::uint64_t patients = 0;
};

struct Preassessment {
  Study study;
  std::string data;                // in words: "phantoms made for this pilot"
  std::vector<std::string> modes;  // what was tried: "study", "paper", ...
  std::vector<Site> sites;         // ids and gates; none where no gate was run
  std::vector<PilotScore> scores;
  std::uint64_t patients = 0;
  Instant made_at;
};

[[nodiscard]] std::string preassess_html(const Preassessment& pilot);
[[nodiscard]] std::string preassess_json(const Preassessment& pilot);

// An indicator as a gate report holds it, for whoever reads one elsewhere than in the ledger.
[[nodiscard]] Indicator indicator_of(const provenance::Json& json);

}  // namespace cloister::report
