// The gate in plain words, its exceptions, and what left each hospital.
#include <fmt/format.h>

#include <algorithm>

#include "report/html_parts.h"
#include "report/html_text.h"

namespace cloister::report {
namespace {

std::vector<std::string> indicator_names(const Report& report) {
  std::vector<std::string> names;
  for (const Site& site : report.sites) {
    for (const Indicator& one : site.gate.indicators) {
      if (std::find(names.begin(), names.end(), one.name) == names.end()) names.push_back(one.name);
    }
  }
  return names;
}

const Indicator* indicator_of(const Site& site, const std::string& name) {
  for (const Indicator& one : site.gate.indicators) {
    if (one.name == name) return &one;
  }
  return nullptr;
}

std::string limits_text(const Indicator& one) {
  return one.higher_is_better ? fmt::format("pass ≥ {}<br>fail &lt; {}", figure_text(one.pass),
                                            figure_text(one.fail))
                              : fmt::format("pass ≤ {}<br>fail &gt; {}", figure_text(one.pass),
                                            figure_text(one.fail));
}

std::string value_cell(const Site& site, const std::string& name) {
  const Indicator* one = indicator_of(site, name);
  if (one == nullptr) return fmt::format("<td data-of=\"{}\">–</td>", escaped(site.id));
  std::string out = fmt::format("<td data-of=\"{}\"><strong>{}</strong> {}", escaped(site.id),
                                figure_text(one->value), badge(one->verdict));
  if (gate_exception(site, *one) != nullptr) out += " " + badge("exception");
  if (one->low && one->high) {
    out += fmt::format("<br><span class=\"note\">95 %: {} to {}</span>", figure_text(*one->low),
                       figure_text(*one->high));
  }
  if (!one->basis.empty())
    out += fmt::format("<br><span class=\"note\">{}</span>", escaped(one->basis));
  return out + "</td>";
}

std::string indicator_row(const Report& report, const std::string& name) {
  const Indicator* first = nullptr;
  for (const Site& site : report.sites) {
    if (first == nullptr) first = indicator_of(site, name);
  }
  std::string out = fmt::format(
      "<tr><th scope=\"row\">{}<br><span class=\"note\">{}</span></th><td data-of=\"Who would do "
      "this\">{}</td><td class=\"id\" data-of=\"Limits\">{}</td>",
      escaped(name), escaped(first->plain), escaped(first->attacker), limits_text(*first));
  for (const Site& site : report.sites) out += value_cell(site, name);
  return out + "</tr>\n";
}

// One box for what one person signed with one reason.
std::string signed_box(const Site& site, const Exceptions& all, const Exception& by) {
  std::string list;
  for (const Exception& one : all) {
    if (one.signed_by != by.signed_by || one.reason != by.reason) continue;
    list += fmt::format(
        "<li>{} = <strong>{}</strong> <span class=\"note\">of {}, record {}</span></li>\n",
        escaped(one.indicator), figure_text(one.value), digest_html(one.about),
        digest_html(one.record));
  }
  return fmt::format(
      "<div class=\"signed\"><p><strong>{}</strong> – signed by <strong>{}</strong>: “{}”</p><ul "
      "class=\"plain\">\n{}</ul></div>\n",
      escaped(site.id), escaped(by.signed_by), escaped(by.reason), list);
}

std::string signed_boxes(const Site& site, const Exceptions& all) {
  std::string out;
  std::vector<std::pair<std::string, std::string>> seen;
  for (const Exception& one : all) {
    const std::pair key(one.signed_by, one.reason);
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) continue;
    seen.push_back(key);
    out += signed_box(site, all, one);
  }
  return out;
}

std::string exceptions_html(const Report& report) {
  std::string out;
  for (const Site& site : report.sites) out += signed_boxes(site, site.gate.exceptions);
  if (out.empty()) return out;
  return "<h3>Exceptions, as signed</h3>\n<p>Each lets these codes of one site out although this "
         "indicator did not pass, for this value only.</p>\n" +
         out;
}

std::string network_exceptions_html(const Report& report) {
  std::string out;
  for (const Site& site : report.sites) out += signed_boxes(site, site.network_exceptions);
  if (out.empty()) return out;
  return "<p>Each of these lets this network be released although this measure did not pass, for "
         "this value only.</p>\n" +
         out;
}

std::string release_reason_html(const Report& report) {
  if (report.study.release_reason.empty()) return {};
  return fmt::format(
      "<div class=\"signed\"><p><strong>{}</strong> released the network with this reason: "
      "“{}”</p></div>\n",
      escaped(report.study.released_by), escaped(report.study.release_reason));
}

// What the finished network tells of its training patients, tried before its release.
std::string membership_html(const Report& report) {
  std::string rows;
  for (const Site& site : report.sites) {
    for (const Indicator& one : site.membership) {
      rows += fmt::format(
          "<tr><th scope=\"row\" class=\"id\">{}</th><td>{}<br><span class=\"note\">{}</span></td>"
          "<td class=\"n\"><strong>{}</strong> {}{}</td><td class=\"id\">{}</td></tr>\n",
          escaped(site.id), escaped(one.name), escaped(one.plain), figure_text(one.value),
          badge(one.verdict),
          network_exception(site, one) != nullptr ? " " + badge("exception") : std::string(),
          limits_text(one));
    }
  }
  if (rows.empty()) return {};
  return "<h3>Does the network remember its patients?</h3>\n<p>Tried at each site before it agreed "
         "to the network's release, on its training patients and on patients the network never "
         "saw.</p>\n" +
         table_open("Membership inference on the shared network",
                    {"Site", "Measure", number("Value"), "Limits"}) +
         rows + "</tbody>" + table_close() + network_exceptions_html(report) +
         release_reason_html(report);
}

std::string leaks_html(const Artwork& artwork) {
  std::string out;
  for (const Overlay& overlay : artwork.overlays) {
    if (overlay.group != "leak") continue;
    out += fmt::format(
        "<figure><img src=\"data:image/png;base64,{}\" alt=\"{}\"><figcaption>{} · "
        "{}</figcaption></figure>\n",
        to_base64(overlay.png), escaped(overlay.text), escaped(overlay.site),
        escaped(overlay.title));
  }
  if (out.empty()) return out;
  return "<h3>What the attackers reconstructed</h3>\n<div class=\"pictures\">\n" + out + "</div>\n";
}

}  // namespace

std::string gate_html(const Report& report, const Artwork& artwork) {
  std::string out = section_open("privacy", "What do the codes give away?");
  const auto names = indicator_names(report);
  if (names.empty()) return out + "<p>No gate report is in the ledger yet.</p>\n" + section_close();
  out +=
      "<p>Before anything left, each site attacked its own codes in the ways below, on patients "
      "its "
      "encoder had not seen. Codes are neither anonymous nor encrypted data: these figures say how "
      "much an attacker of each kind got out of them, on this data, with these attacks.</p>\n";
  out += "<div class=\"stack\">\n" + table_open("Indicators of the admission gate, per site");
  std::vector<Column> columns{"Indicator", "Who would do this", "Limits"};
  for (const Site& site : report.sites) columns.emplace_back(site.id);
  out += table_head(columns) + "\n<tbody>\n";
  for (const auto& name : names) out += indicator_row(report, name);
  out += "</tbody>" + table_close() + "</div>\n";
  return out + exceptions_html(report) + membership_html(report) + leaks_html(artwork) +
         section_close();
}

std::string left_html(const Report& report) {
  std::string out = section_open("left", "What left each hospital?");
  out +=
      "<p>Sealed shards of codes, one shard a patient, under a release that a named person of the "
      "site signed. Both ends signed what was sent and received.</p>\n";
  out += table_open(
      "Data and egress by site",
      {"Site", number("Volumes used"), number("Patients"), number("Training / tuning / held out"),
       "Excluded", number("Shards sent"), number("Bytes sent"), "Released by", "Manifest"});
  for (const Site& site : report.sites) {
    std::string excluded;
    for (const Excluded& one : site.excluded) {
      excluded += fmt::format("{}{} × <code>{}</code>", excluded.empty() ? "" : "<br>", one.cases,
                              escaped(one.code));
    }
    out += fmt::format(
        "<tr><th scope=\"row\" class=\"id\">{}</th><td class=\"n\">{}</td><td "
        "class=\"n\">{}</td><td "
        "class=\"n\">{} / {} / {}</td><td>{}</td><td class=\"n\">{}</td><td "
        "class=\"n\">{}</td><td>{}"
        "</td><td>{}</td></tr>\n",
        escaped(site.id), site.cases, site.patients, site.training, site.tuning, site.evaluation,
        excluded.empty() ? "none" : excluded, site.upload.shards, bytes_text(site.upload.bytes),
        site.upload.released_by.empty() ? "–" : escaped(site.upload.released_by),
        digest_html(site.upload.manifest));
  }
  return out + "</tbody>" + table_close() + section_close();
}

}  // namespace cloister::report
