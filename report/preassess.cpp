#include "report/preassess.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "report/fold.h"
#include "report/html_sheet.h"
#include "report/html_text.h"

namespace cloister::report {
namespace {

using provenance::Json;

constexpr std::array<Accountability, 10> clauses{{
    {"re-identification",
     "GDPR recital 26 (means reasonably likely to be used); WP 216: singling out",
     "the releasing hospital, as controller: its data steward"},
    {"channel-correlation", "GDPR Art. 32(1) (security of what travels and is stored)",
     "the releasing hospital; the coordinator's operator for storage"},
    {"surrogate-decoder", "GDPR Art. 28 and 32 (what a processor could do); Art. 25(1)",
     "the trainer's operator, under contract with each hospital"},
    {"known-plaintext-pairs", "GDPR Art. 32(1), 33 and 34 (what a breach would open)",
     "the hospital's site administrator"},
    {"foreign-decoder", "GDPR Art. 26 (joint controllers towards each other)",
     "the consortium: each hospital for its own decoder"},
    {"mask-leakage", "GDPR Art. 5(1)(c) (no more than the purpose needs)",
     "the study owner, who chose the mode"},
    {"attribute-", "GDPR Art. 9; WP 216: inference",
     "the study owner, and the releasing hospital's data steward"},
    {"membership-", "GDPR recital 26; WP 216: linkability, for the released network",
     "the study owner, who releases the network"},
    {"mask-ceiling",
     "GDPR Art. 5(1)(d) and (c): data that cannot serve the purpose should not be "
     "processed for it",
     "the study owner"},
    {"", "the study's own plan", "the study owner"},
}};

Json accountable_json(const Indicator& one) {
  const Accountability who = accountability_of(one.name);
  Json json;
  json.set("indicator", one.name).set("value", one.value).set("verdict", one.verdict);
  json.set("pass", one.pass).set("fail", one.fail).set("clause", who.clause);
  json.set("accountable", who.party).set("attacker", one.attacker).set("basis", one.basis);
  return json;
}

std::string row_html(const Site& site, const Indicator& one, bool first, std::size_t rows) {
  const Accountability who = accountability_of(one.name);
  std::string out = "<tr>";
  if (first) {
    out += fmt::format("<th scope=\"rowgroup\" class=\"id\" rowspan=\"{}\">{}</th>", rows,
                       escaped(site.id));
  }
  const std::string range = one.low && one.high
                                ? fmt::format("<br><span class=\"note\">95 %: {} to {}</span>",
                                              figure_text(*one.low), figure_text(*one.high))
                                : std::string();
  return out + fmt::format(
                   "<th scope=\"row\">{}<br><span class=\"note\">{}</span></th><td "
                   "class=\"n\"><strong>{}</strong>{}</td><td>{}</td><td>{}<br><span "
                   "class=\"note\">plan: pass {}, fail {}</span></td><td>{}</td></tr>\n",
                   escaped(one.name), escaped(one.plain), figure_text(one.value), range,
                   badge(one.verdict), escaped(who.clause), figure_text(one.pass),
                   figure_text(one.fail), escaped(who.party));
}

std::string what_was_done(const Preassessment& pilot) {
  if (pilot.sites.empty()) {
    return fmt::format(
        "<p><strong>No gate was run</strong> (tried: {}). Nothing here says what the plan's codes "
        "would give away.</p>\n",
        escaped(fmt::format("{}", fmt::join(pilot.modes, ", "))));
  }
  return "<p>Before any hospital joins, the plan was tried from end to end and its codes were "
         "attacked as the admission gate of each hospital will attack its own. A pilot says what "
         "to expect; it replaces no hospital's own gate, and on phantoms it says little about "
         "patients.</p>\n";
}

std::string gate_table(const Preassessment& pilot) {
  if (pilot.sites.empty()) return {};
  std::string out =
      table_open("Each test, the clause that asks for it, and who answers for it") +
      table_head({"Site", "Test", number("Value"), "Verdict", "Clause", "Accountable"}) + "\n";
  for (const Site& site : pilot.sites) {
    out += "<tbody>\n";
    bool first = true;
    for (const Indicator& one : site.gate.indicators) {
      out += row_html(site, one, first, site.gate.indicators.size());
      first = false;
    }
    out += "</tbody>\n";
  }
  return out + table_close();
}

std::string score_table(const Preassessment& pilot) {
  if (pilot.scores.empty()) return {};
  std::string out = table_open(pilot.sites.empty()
                                   ? "What was reached (DSC)"
                                   : "What the pilot's network reached (DSC), and the mask ceiling",
                               {"Site", "Structure", "What", number("DSC"), number("Patients")});
  for (const PilotScore& one : pilot.scores) {
    out += fmt::format(
        "<tr><th scope=\"row\" class=\"id\">{}</th><td>{}</td><td>{}</td><td "
        "class=\"n\">{}</td><td "
        "class=\"n\">{}</td></tr>\n",
        escaped(one.site), escaped(one.structure), escaped(one.mode), score_text(one.dsc),
        one.patients);
  }
  return out + "</tbody>" + table_close();
}

}  // namespace

Accountability accountability_of(std::string_view indicator) {
  for (const Accountability& one : clauses) {
    const bool is_family = one.indicator.ends_with('-');
    if (is_family ? indicator.starts_with(one.indicator) : indicator == one.indicator) return one;
  }
  return clauses.back();
}

Indicator indicator_of(const Json& json) { return indicator_from(json); }

std::string preassess_html(const Preassessment& pilot) {
  std::string out = sheet_open(
      "pre-assessment of a study", pilot.study.title,
      fmt::format("Study <code>{}</code>, version {} · mode <strong>{}</strong>, budget {} · pilot "
                  "on {} ({}) · {}",
                  escaped(pilot.study.id), pilot.study.version, escaped(pilot.study.preset),
                  escaped(pilot.study.budget), escaped(pilot.data),
                  count_text(pilot.patients, "patient", "patients"),
                  to_rfc3339(pilot.made_at).substr(0, 10)));
  out += fmt::format(
      "<p><strong>Purpose:</strong> {} · <strong>legal basis:</strong> {} · plan {}</p>\n",
      escaped(pilot.study.purpose), escaped(pilot.study.legal_basis),
      digest_html(pilot.study.plan));
  out += what_was_done(pilot);
  if (pilot.study.mask_decoder_leaves) {
    out +=
        "<p><strong>Guided:</strong> the trainer would get every hospital's mask decoder and "
        "could read the outlines of its patients.</p>\n";
  }
  return out + gate_table(pilot) + score_table(pilot) + sheet_close();
}

std::string preassess_json(const Preassessment& pilot) {
  Json sites = Json::object();
  for (const Site& site : pilot.sites) {
    Json list = Json::array();
    for (const Indicator& one : site.gate.indicators) list.push(accountable_json(one));
    sites.set(site.id,
              Json::object().set("verdict", site.gate.verdict).set("indicators", std::move(list)));
  }
  Json modes = Json::array();
  for (const std::string& mode : pilot.modes) modes.push(mode);
  Json scores = Json::array();
  for (const PilotScore& one : pilot.scores) {
    scores.push(Json::object()
                    .set("site", one.site)
                    .set("structure", one.structure)
                    .set("mode", one.mode)
                    .set("dsc", one.dsc)
                    .set("patients", one.patients));
  }
  return to_pretty(Json::object()
                       .set("format", "cloister-preassessment/1")
                       .set("study", pilot.study.id)
                       .set("plan", pilot.study.plan)
                       .set("preset", pilot.study.preset)
                       .set("data", pilot.data)
                       .set("patients", pilot.patients)
                       .set("made_at", to_rfc3339(pilot.made_at))
                       .set("modes", std::move(modes))
                       .set("sites", std::move(sites))
                       .set("scores", std::move(scores))) +
         "\n";
}

}  // namespace cloister::report
