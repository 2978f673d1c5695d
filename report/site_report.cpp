#include "report/site_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "provenance/json.h"
#include "report/html_sheet.h"
#include "report/html_text.h"

namespace cloister::report {
namespace {

using provenance::Json;

std::string row(const std::vector<std::string>& cells, std::size_t numbers_from) {
  std::string out = "<tr>";
  for (std::size_t i = 0; i < cells.size(); ++i) {
    out += i == 0 ? fmt::format("<th scope=\"row\" class=\"id\">{}</th>", cells[i])
                  : fmt::format("<td{}>{}</td>", i >= numbers_from ? " class=\"n\"" : "", cells[i]);
  }
  return out + "</tr>\n";
}

std::string data_html(const SiteReport& report) {
  std::string out = section_open("data", "Which cases are used");
  if (report.used.empty() && report.left_out.empty()) {
    return out + "<p>The data of this study have not been looked at yet.</p>\n" + section_close();
  }
  out += fmt::format("<p>{} used, <strong>{}</strong> left out.</p>\n",
                     count_text(report.used.size(), "volume is", "volumes are"),
                     count_text(report.left_out.size(), "case is", "cases are"));
  for (const auto& warning : report.warnings) out += fmt::format("<p>{}</p>\n", escaped(warning));
  if (!report.left_out.empty()) {
    out += table_open("Left out, and why: the rest of the site goes on without them",
                      {"Case", "Reason", "Code"});
    for (const LeftOutCase& one : report.left_out) {
      out += row(
          {escaped(one.id), escaped(one.reason), fmt::format("<code>{}</code>", escaped(one.code))},
          3);
    }
    out += "</tbody>" + table_close();
  }
  out += "<details><summary>Every case that is used</summary>\n" +
         table_open("Cases used", {"Case", "Patient", "Split", "Phase", number("Slices")});
  for (const UsedCase& one : report.used) {
    out += row({escaped(one.id), escaped(one.patient), escaped(one.split), escaped(one.phase),
                std::to_string(one.slices)},
               4);
  }
  return out + "</tbody>" + table_close() + "</details>\n" + section_close();
}

std::string scores_html(const SiteReport& report) {
  std::string out = section_open("scores", "How good are the masks of our own patients?");
  if (report.scores.empty()) {
    return out + "<p>No network has been evaluated here yet.</p>\n" + section_close();
  }
  out += table_open("Held-out cases, whole volumes in their original spacing",
                    {"Case", "Structure", number("DSC"), number("HD95 [mm]"), number("ASSD [mm]"),
                     number("Predicted [ml]"), number("Reference [ml]")});
  for (const CaseScore& one : report.scores) {
    out += row({escaped(one.id), escaped(one.structure), score_text(one.dsc), mm_text(one.hd95_mm),
                mm_text(one.assd_mm), fmt::format("{:.1f}", one.predicted_ml),
                fmt::format("{:.1f}", one.reference_ml)},
               2);
  }
  return out + "</tbody>" + table_close() + section_close();
}

std::string gate_html(const SiteReport& report) {
  std::string out = section_open("gate", "What do our codes give away?");
  if (report.gate.empty()) {
    return out + "<p>The privacy gate has not run here yet.</p>\n" + section_close();
  }
  out += table_open("Indicators of the admission gate",
                    {"Indicator", "Value", "Verdict", "What it means"});
  for (const Indicator& one : report.gate) {
    out +=
        row({escaped(one.name), figure_text(one.value), badge(one.verdict), escaped(one.plain)}, 4);
  }
  return out + "</tbody>" + table_close() + section_close();
}

std::string pictures_html(const SiteReport& report, const std::string& group,
                          const std::string& title) {
  std::string out;
  for (const Overlay& one : report.pictures) {
    if (one.group != group) continue;
    out += fmt::format(
        "<figure><img src=\"data:image/png;base64,{}\" alt=\"{}\"><figcaption>{}</figcaption>"
        "</figure>\n",
        to_base64(one.png), escaped(one.text), escaped(one.title));
  }
  if (out.empty()) return out;
  return section_open(group, title) + "<div class=\"pictures\">\n" + out + "</div>\n" +
         section_close();
}

Json used_json(const SiteReport& report) {
  Json list = Json::array();
  for (const UsedCase& one : report.used) {
    list.push(Json::object()
                  .set("case", one.id)
                  .set("patient", one.patient)
                  .set("split", one.split)
                  .set("phase", one.phase)
                  .set("slices", one.slices));
  }
  return list;
}

Json scores_json(const SiteReport& report) {
  Json list = Json::array();
  for (const CaseScore& one : report.scores) {
    list.push(Json::object()
                  .set("case", one.id)
                  .set("structure", one.structure)
                  .set("dsc", one.dsc)
                  .set("hd95_mm", one.hd95_mm)
                  .set("assd_mm", one.assd_mm)
                  .set("predicted_ml", one.predicted_ml)
                  .set("reference_ml", one.reference_ml));
  }
  return list;
}

}  // namespace

std::string to_html(const SiteReport& report) {
  std::string out = fmt::format(
      "{2}<body>\n<header>\n"
      "<p class=\"brand\">Cloister · a site's own report</p>\n<h1>{0}</h1>\n"
      "<p class=\"sub\">Study <code>{1}</code> · {3}</p>\n</header>\n<main id=\"main\">\n"
      "<div class=\"machine\" role=\"note\"><p><strong>This page stays here.</strong> It names "
      "cases and shows single patients. The consortium's report has none of it.</p></div>\n",
      escaped(report.site), escaped(report.study),
      head_html(fmt::format("{} in {} – site report", report.site, report.study)),
      to_rfc3339(report.made_at).substr(0, 10));
  out += data_html(report) + scores_html(report);
  out += pictures_html(report, "overlay", "Best, median and worst case");
  out += gate_html(report);
  out += pictures_html(report, "leak", "What the best attack makes of a code");
  out += pictures_html(report, "preview", "What a code looks like");
  return out + sheet_close();
}

std::string to_json(const SiteReport& report) {
  Json out = Json::array();
  for (const LeftOutCase& one : report.left_out) {
    out.push(Json::object().set("case", one.id).set("code", one.code).set("reason", one.reason));
  }
  Json gate = Json::array();
  for (const Indicator& one : report.gate) {
    gate.push(Json::object()
                  .set("name", one.name)
                  .set("value", one.value)
                  .set("verdict", one.verdict)
                  .set("plain", one.plain));
  }
  return to_pretty(Json::object()
                       .set("format", "cloister-site-report/1")
                       .set("site", report.site)
                       .set("study", report.study)
                       .set("made_at", to_rfc3339(report.made_at))
                       .set("used", used_json(report))
                       .set("left_out", std::move(out))
                       .set("scores", scores_json(report))
                       .set("gate", std::move(gate))) +
         "\n";
}

}  // namespace cloister::report
