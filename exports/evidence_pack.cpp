// One page a study that an ethics board can read: who decided what, what left, what was measured,
// what was taken back, and how to check all of it.
#include "exports/exports.h"
#include "exports/facts.h"
#include "exports/words.h"

namespace cloister::exports {
namespace {

using Rows = std::vector<std::vector<std::string>>;

std::string section(const char* title, const std::string& body) {
  return fmt::format("<h2>{}</h2>\n{}", title, body);
}
std::string paragraph(const std::string& text) { return "<p>" + html::escaped(text) + "</p>\n"; }

std::string what_it_is(const Facts& facts) {
  if (!facts.plan) return paragraph("The plan is not in the records.");
  const auto& plan = *facts.plan;
  std::string sites;
  for (const auto& site : plan.sites) sites += (sites.empty() ? "" : ", ") + site;
  return html_table({{"question", "answer"},
                     {"title", plan.title},
                     {"purpose", plan.purpose},
                     {"legal basis", plan.legal_basis},
                     {"sites", sites},
                     {"owner, trainer", plan.owner + ", " + plan.trainer},
                     {"opened", when(facts.opened)},
                     {"version of the plan", std::to_string(plan.version)},
                     {"kept at the coordinator", fmt::format("{} days", plan.retention_days)}});
}

std::string who_decided(const Facts& facts) {
  Rows rows{{"when", "who", "site", "what", "reason", "record"}};
  for (const auto& [id, site] : facts.sites) {
    for (const auto& act : site.permits) {
      rows.push_back({when(act.at), act.who, id, act.what, act.reason, std::to_string(act.record)});
    }
  }
  for (const auto& act : facts.approvals) {
    rows.push_back({when(act.at), act.who, act.what, "agrees to the release of the model",
                    act.reason, std::to_string(act.record)});
  }
  if (facts.released) {
    rows.push_back({when(facts.released->at), facts.released->who, "", "released the model",
                    facts.released->reason, std::to_string(facts.released->record)});
  }
  return rows.size() == 1 ? paragraph("Nobody has decided anything yet.") : html_table(rows);
}

std::string what_left(const ExportView& view, const Facts& facts) {
  Rows rows{{"site", "patients in the study", "departures", "bytes", "gate"}};
  for (const auto& [id, site] : facts.sites) {
    const auto found = view.departures.find(id);
    std::uint64_t bytes = 0;
    std::size_t count = 0;
    if (found != view.departures.end()) {
      count = found->second.size();
      for (const auto& one : found->second) bytes += one.bytes;
    }
    std::string gate;
    for (const auto& one : site.gate) {
      gate += fmt::format("{}{} {:.3g} ({})", gate.empty() ? "" : "; ", one.indicator, one.value,
                          one.verdict);
    }
    rows.push_back({id, std::to_string(site.patients), std::to_string(count), bytes_text(bytes),
                    gate.empty() ? "no report" : gate});
  }
  const std::string guided = guided_sites(facts);
  const std::string stayed =
      guided.empty()
          ? paragraph("Images, masks, encoders and decoders never left.")
          : fmt::format(
                "<p><strong>The trainer can read masks of {}: this study is guided, and a "
                "person of each signed that its mask decoder goes to the trainer (see "
                "above).</strong> Images, encoders and image decoders never left.</p>\n",
                html::escaped(guided));
  return html_table(rows) + stayed +
         paragraph(
             "What left are codes, sealed to the trainer. Codes are neither anonymous nor "
             "encrypted data; the gate "
             "measures what known attacks get out of exactly the codes that would leave.");
}

std::string how_good(const Facts& facts) {
  Rows rows{{"site", "structure", "mean DSC", "held-out patients"}};
  for (const auto& [id, site] : facts.sites) {
    for (const auto& [name, one] : site.dice) {
      rows.push_back({id, name, fmt::format("{:.3f}", one.first), std::to_string(one.second)});
    }
  }
  const std::string model = facts.model.empty() ? "No model yet." : "Model " + facts.model + ".";
  const std::string taken =
      facts.model_is_withdrawn
          ? paragraph("It is out of use: something that it was made from was taken back.")
          : "";
  Rows tests{{"site", "can training patients be recognised by the network?", "value", "verdict"}};
  for (const auto& [id, site] : facts.sites) {
    for (const auto& one : site.membership)
      tests.push_back({id, one.indicator, fmt::format("{:.3g}", one.value), one.verdict});
  }
  return paragraph(model) + taken + (rows.size() == 1 ? "" : html_table(rows)) +
         (tests.size() == 1 ? "" : html_table(tests));
}

std::string what_was_withdrawn(const Facts& facts) {
  Rows rows{{"when", "site", "reason", "quarantined", "members that confirmed", "what replaced it",
             "record"}};
  for (const auto& one : facts.withdrawals) {
    rows.push_back({when(one.at), one.site, one.reason, std::to_string(one.quarantined),
                    std::to_string(one.confirmed), one.outcome.empty() ? "open" : one.outcome,
                    std::to_string(one.record)});
  }
  return rows.size() == 1 ? paragraph("Nothing was withdrawn.") : html_table(rows);
}

std::string how_to_check(const ExportView& view) {
  return "<p>Ask the consortium for the evidence bundle of this study, then, on any machine and "
         "without a network: <code>cloister-verify BUNDLE</code>. Its README checks single records "
         "with openssl alone. The numbers of records above are places in the log <code>" +
         html::escaped(view.log) +
         "</code>. The ledger proves who signed what and in which order, not that a hospital's "
         "data are what it says.</p>\n";
}

}  // namespace

Files to_evidence_pack(const ExportView& view) {
  const Facts facts = facts_of(view);
  const std::string body =
      section("What the study is", what_it_is(facts)) +
      section("Who decided what", who_decided(facts)) +
      section("What left, and what was measured before", what_left(view, facts)) +
      section("What came of it", how_good(facts)) +
      section("What was taken back", what_was_withdrawn(facts)) +
      section("How to check this page", how_to_check(view));
  return {{"evidence-pack.html", html_page(view, "Evidence pack", body)}};
}

}  // namespace cloister::exports
