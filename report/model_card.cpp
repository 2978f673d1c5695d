#include "report/model_card.h"

#include <fmt/format.h>

#include <algorithm>

#include "report/html_sheet.h"
#include "report/html_text.h"
#include "report/json_parts.h"

namespace cloister::report {
namespace {

using provenance::Json;

std::vector<std::string> limits_of(const Report& report) {
  std::vector<std::string> limits{
      "Research software, not a medical device: no clinical decision may rest on it.",
      "It predicts from codes of a site that took part, with that site's own encoder and decoder; "
      "it is of no use without them.",
      "It was evaluated on held-out patients of the same sites. How it does elsewhere is not "
      "known."};
  if (report.study.mask_decoder_leaves) {
    limits.push_back(
        "A guided study: every site's mask decoder went to the trainer, who could read its masks.");
  }
  for (const auto& caveat : report.caveats) limits.push_back(caveat);
  return limits;
}

Json scores_json(const Report& report) {
  Json list = Json::array();
  for (const Score& score : report.scores) {
    list.push(Json::object()
                  .set("mode", score.mode)
                  .set("site", score.site)
                  .set("structure", score.structure)
                  .set("dsc", score.dsc)
                  .set("hd95_mm", optional_number(score.hd95_mm))
                  .set("assd_mm", optional_number(score.assd_mm))
                  .set("patients", score.patients));
  }
  return list;
}

Json judged_json(const std::vector<Indicator>& indicators) {
  Json list = Json::array();
  for (const Indicator& one : indicators) {
    list.push(Json::object()
                  .set("indicator", one.name)
                  .set("value", one.value)
                  .set("verdict", one.verdict)
                  .set("attacker", one.attacker));
  }
  return list;
}

Json site_json(const Site& site) {
  Json json;
  json.set("patients", site.patients).set("volumes", site.cases);
  json.set("training", site.training).set("evaluation", site.evaluation);
  json.set("gate", judged_json(site.gate.indicators)).set("gate_report", site.gate.report);
  json.set("exceptions", exceptions_json(site.gate.exceptions));
  json.set("membership", judged_json(site.membership));
  json.set("network_exceptions", exceptions_json(site.network_exceptions));
  if (site.decoder) {
    json.set("mask_decoder_released", Json::object()
                                          .set("signed_by", site.decoder->signed_by)
                                          .set("reason", site.decoder->reason)
                                          .set("record", site.decoder->record)
                                          .set("policy", site.decoder->policy));
  }
  json.set("ece", site.calibration ? Json(site.calibration->ece) : Json());
  json.set("ef_error_percent", optional_number(site.ef_error_percent));
  return json;
}

Json files_json(const ModelFacts& model) {
  Json list = Json::array();
  for (const auto& file : model.files)
    list.push(Json::object().set("name", file.name).set("sha256", file.digest));
  return list;
}

std::string facts_table(const Report& report, const ModelFacts& model) {
  std::string out = table_open("The model");
  out += "<tbody>\n";
  const auto row = [&out](std::string_view name, const std::string& html) {
    out += fmt::format("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", name, html);
  };
  row("Network", digest_html(model.digest));
  row("Released", model.released ? fmt::format("by {}, record {}", escaped(model.released_by),
                                               digest_html(model.release_record))
                                 : "<strong>not released</strong>");
  if (!report.study.release_reason.empty())
    row("Reason given", escaped(report.study.release_reason));
  row("Made from", fmt::format("{} signed records, lineage digest {}", model.lineage_records,
                               digest_html(model.lineage_digest)));
  row("Study", fmt::format("{}, version {}: {}", escaped(report.study.id), report.study.version,
                           escaped(report.study.purpose)));
  row("Legal basis", escaped(report.study.legal_basis));
  if (report.study.own_segmentation)
    row("Own segmentation",
        "What a site's own encoder segments counts half in its predictions and in the scores "
        "here.");
  row("Mode", fmt::format("{} (encoders: {}, backbone: {}, pooling: {}), budget {}, {} steps",
                          escaped(report.study.preset), escaped(report.study.encoder),
                          escaped(report.study.backbone), escaped(report.study.pooling),
                          escaped(report.study.budget), report.pooled.steps));
  std::string structures;
  for (const auto& one : report.study.structures)
    structures += (structures.empty() ? "" : ", ") + one;
  row("Structures", escaped(structures));
  for (const auto& file : model.files) row("File " + escaped(file.name), digest_html(file.digest));
  return out + "</tbody>" + table_close();
}

std::string quality_table(const Report& report) {
  std::string out = section_open("quality", "How good it is, on patients it never saw");
  out += table_open("Overlap (DSC) and boundary error (HD95) by site and structure",
                    {"Site", "Structure", number("Patients"), number("DSC"), number("HD95 [mm]")});
  for (const Score& score : report.scores) {
    if (score.mode != report.study.preset) continue;
    out += fmt::format(
        "<tr><th scope=\"row\" class=\"id\">{}</th><td>{}</td><td class=\"n\">{}</td><td "
        "class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
        escaped(score.site), escaped(score.structure), score.patients, score_text(score.dsc),
        mm_text(score.hd95_mm));
  }
  return out + "</tbody>" + table_close() + section_close();
}

std::string worst_of(const std::vector<Indicator>& indicators) {
  std::string worst;
  for (const Indicator& one : indicators) {
    if (one.verdict == "fail" || (one.verdict == "warn" && worst != "fail") || worst.empty())
      worst = one.verdict;
  }
  return worst;
}

std::string exception_item(const Site& site, const Exception& one) {
  return fmt::format("<li>{}: {} = <strong>{}</strong>, signed by {}: “{}”</li>\n",
                     escaped(site.id), escaped(one.indicator), figure_text(one.value),
                     escaped(one.signed_by), escaped(one.reason));
}

std::string exceptions_under(std::string_view head, const std::string& items) {
  if (items.empty()) return {};
  return fmt::format("<p>{}</p>\n<ul class=\"plain\">\n{}</ul>\n", head, items);
}

std::string data_table(const Report& report) {
  std::string out = section_open("data", "Whose data, and what the privacy gate said");
  out +=
      table_open("By site", {"Site", number("Patients"), number("trained on"), number("held out"),
                             "Gate", "Membership", number("Calibration (ECE)")});
  for (const Site& site : report.sites) {
    out += fmt::format(
        "<tr><th scope=\"row\" class=\"id\">{}</th><td class=\"n\">{}</td><td "
        "class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td><td>{}</td><td "
        "class=\"n\">{}</td></tr>\n",
        escaped(site.id), site.patients, site.training, site.evaluation, badge(site.gate.verdict),
        site.membership.empty() ? "not tried" : badge(worst_of(site.membership)),
        site.calibration ? score_text(site.calibration->ece) : "–");
  }
  out += "</tbody>" + table_close();
  std::string for_codes;
  std::string for_network;
  for (const Site& site : report.sites) {
    for (const Exception& one : site.gate.exceptions) for_codes += exception_item(site, one);
    for (const Exception& one : site.network_exceptions) for_network += exception_item(site, one);
  }
  return out + exceptions_under("Codes left under these exceptions:", for_codes) +
         exceptions_under("These exceptions were signed for the network's release:", for_network) +
         section_close();
}

std::string indicator_line(const Indicator& one, bool excepted) {
  std::string range;
  if (one.low && one.high) {
    range = fmt::format("<br><span class=\"note\">95 %: {} to {}</span>", figure_text(*one.low),
                        figure_text(*one.high));
  }
  return fmt::format(
      "<tr><th scope=\"row\">{}<br><span class=\"note\">{}</span></th><td>{}</td><td "
      "class=\"n\"><strong>{}</strong>{}</td><td class=\"id\">{} {}<br>{} "
      "{}</td><td>{}{}</td></tr>\n",
      escaped(one.name), escaped(one.plain), escaped(one.attacker), figure_text(one.value), range,
      one.higher_is_better ? "pass ≥" : "pass ≤", figure_text(one.pass),
      one.higher_is_better ? "fail &lt;" : "fail &gt;", figure_text(one.fail), badge(one.verdict),
      excepted ? " " + badge("exception") : std::string());
}

std::string signed_line(std::string_view what, const Exception& one) {
  return fmt::format(
      "<p class=\"signed\">Exception for <strong>{}</strong> = {} of the {} {}, signed by "
      "<strong>{}</strong>: “{}” <span class=\"note\">record {}</span></p>\n",
      escaped(one.indicator), figure_text(one.value), what, digest_html(one.about),
      escaped(one.signed_by), escaped(one.reason), digest_html(one.record));
}

std::string verdict_sentence(const Site& site) {
  if (site.gate.verdict == "pass") {
    return "<strong>Every test passed.</strong> That is a measurement with these attacks on these "
           "patients, and no promise that a better attack fails.";
  }
  if (!may_leave(site)) {
    return "<strong>Not every test passed, and nobody signed an exception for each that did not: "
           "nothing may leave.</strong>";
  }
  return "<strong>Not every test passed.</strong> Codes could leave only because a named person of "
         "this site signed for it; what and why stands below.";
}

}  // namespace

std::string model_card_json(const Report& report, const ModelFacts& model) {
  Json sites = Json::object();
  for (const Site& site : report.sites) sites.set(site.id, site_json(site));
  Json limits = Json::array();
  for (const auto& one : limits_of(report)) limits.push(one);
  Json structures = Json::array();
  for (const auto& one : report.study.structures) structures.push(one);
  Json json;
  json.set("format", "cloister-model-card/1").set("model", model.digest);
  json.set("released", model.released).set("released_by", model.released_by);
  json.set("release_record", model.release_record);
  json.set("lineage", Json::object()
                          .set("closure_digest", model.lineage_digest)
                          .set("records", model.lineage_records));
  json.set("study", report.study.id).set("version", report.study.version);
  json.set("purpose", report.study.purpose).set("legal_basis", report.study.legal_basis);
  json.set("plan", report.study.plan).set("preset", report.study.preset);
  json.set("encoder", report.study.encoder)
      .set("backbone", report.study.backbone)
      .set("own_segmentation", report.study.own_segmentation)
      .set("pooling", report.study.pooling);
  json.set("mask_decoder_leaves", report.study.mask_decoder_leaves);
  json.set("release_reason", report.study.release_reason);
  json.set("budget", report.study.budget).set("steps", report.pooled.steps);
  json.set("structures", std::move(structures)).set("sites", std::move(sites));
  json.set("files", files_json(model))
      .set("scores", scores_json(report))
      .set("limits", std::move(limits));
  return provenance::to_pretty(json) + "\n";
}

std::string model_card_html(const Report& report, const ModelFacts& model) {
  std::string out =
      sheet_open("model card", report.study.title,
                 fmt::format("Network <code>{}</code> of study <code>{}</code>",
                             escaped(model.digest.substr(0, 12)), escaped(report.study.id)));
  out +=
      guided_html(report) + facts_table(report, model) + quality_table(report) + data_table(report);
  out += section_open("limits", "What it is not for") + "<ul class=\"plain\">\n";
  for (const auto& one : limits_of(report)) out += fmt::format("<li>{}</li>\n", escaped(one));
  return out + "</ul>\n" + section_close() + sheet_close();
}

std::string gate_page_html(const Report& report, const Site& site) {
  if (site.gate.report.empty()) {
    return sheet_open("privacy gate, for the ethics board", site.id,
                      fmt::format("Study <code>{}</code>: {}", escaped(report.study.id),
                                  escaped(report.study.purpose))) +
           "<p><strong>The privacy gate has not been run at this site.</strong> Codes leave only "
           "after it, so none of this site's did for this network.</p>\n" +
           sheet_close();
  }
  std::string out =
      sheet_open("privacy gate, for the ethics board", site.id,
                 fmt::format("Study <code>{}</code>: {} · {} held out of {} · report {}",
                             escaped(report.study.id), escaped(report.study.purpose),
                             count_text(site.tuning + site.evaluation, "patient", "patients"),
                             site.patients, digest_html(site.gate.report)));
  out += guided_html(report, &site);
  out += fmt::format(
      "<p>{}</p>\n<p>{} stay at the hospital; what leaves are codes, tables of "
      "numbers made of each patient's images. Codes are personal data, neither anonymous nor "
      "encrypted. Before any left, the hospital attacked exactly these codes itself:</p>\n",
      verdict_sentence(site), report.study.mask_decoder_leaves ? "Images" : "Images and outlines");
  out += table_open("What was tried, and how far it got",
                    {"Test", "Who would do this", number("Value"), "Limits", "Verdict"});
  for (const Indicator& one : site.gate.indicators)
    out += indicator_line(one, gate_exception(site, one) != nullptr);
  for (const Indicator& one : site.membership)
    out += indicator_line(one, network_exception(site, one) != nullptr);
  out += "</tbody>" + table_close();
  for (const Exception& one : site.gate.exceptions) out += signed_line("codes", one);
  for (const Exception& one : site.network_exceptions) out += signed_line("network", one);
  return out + sheet_close();
}

}  // namespace cloister::report
