// Summary, quality table and overlays.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "report/html_parts.h"
#include "report/html_text.h"

namespace cloister::report {
namespace {

struct Totals {
  std::uint64_t patients = 0;
  std::uint64_t cases = 0;
  std::uint64_t bytes = 0;
  std::uint64_t exceptions = 0;
};

Totals totals_of(const Report& report) {
  Totals totals;
  for (const Site& site : report.sites) {
    totals.patients += site.patients;
    totals.cases += site.cases;
    totals.bytes += site.upload.bytes;
    totals.exceptions += site.gate.exceptions.size();
  }
  return totals;
}

struct Worst {
  std::string site;
  double dsc = 0;
};

std::optional<Worst> worst_site(const Report& report) {
  std::optional<Worst> worst;
  for (const Site& site : report.sites) {
    const auto mean = site_mean(report, report.study.preset, site.id);
    if (mean && (!worst || mean->dsc < worst->dsc)) worst = Worst{site.id, mean->dsc};
  }
  return worst;
}

std::string card(std::string_view name, std::string_view figure, std::string_view about) {
  return fmt::format(
      "<li><span class=\"name\">{}</span><span class=\"figure\">{}</span><span class=\"about\">{}"
      "</span></li>\n",
      name, figure, about);
}

std::string cards(const Report& report) {
  const Totals totals = totals_of(report);
  const auto mean = study_mean(report, report.study.preset);
  const auto worst = worst_site(report);
  std::string out = "<ul class=\"cards\">\n";
  if (mean) {
    out += card("Mean overlap (DSC)", score_text(mean->dsc),
                count_text(mean->patients, "held-out patient", "held-out patients"));
  }
  if (worst) out += card("Weakest site", score_text(worst->dsc), escaped(worst->site));
  if (mean && mean->hd95_mm) {
    out += card("Boundary error (HD95)", mm_text(mean->hd95_mm) + " mm",
                "95 % of the surface is closer");
  }
  const std::string verdict = worst_verdict(report);
  out += card("Privacy gate", badge(verdict),
              totals.exceptions == 0
                  ? "no exception needed"
                  : count_text(totals.exceptions, "exception signed", "exceptions signed"));
  out += card("Left the hospitals", bytes_text(totals.bytes),
              report.study.mask_decoder_leaves ? "sealed codes and mask decoders; no image"
                                               : "sealed codes; no image, no mask");
  out += card("Evidence", badge(report.verification.verdict),
              count_text(report.ledger.records, "signed record", "signed records"));
  return out + "</ul>\n";
}

std::string score_cells(const Score& score, const Site& site) {
  const auto ceiling = site.mask_ceiling.find(score.structure);
  return fmt::format(
      "<td class=\"n\">{}</td><td class=\"n\"><strong>{}</strong></td><td class=\"n\">{}</td>"
      "<td class=\"n\">{}</td><td class=\"n\">{}</td>",
      score.patients, score_text(score.dsc), mm_text(score.hd95_mm), mm_text(score.assd_mm),
      ceiling == site.mask_ceiling.end() ? "–" : score_text(ceiling->second));
}

std::string site_rows(const Report& report, const Site& site, const std::string& mode) {
  std::string out = "<tbody>\n";
  std::vector<const Score*> scores;
  for (const auto& structure : report.study.structures) {
    for (const Score& score : report.scores) {
      if (score.mode == mode && score.site == site.id && score.structure == structure) {
        scores.push_back(&score);
      }
    }
  }
  bool first = true;
  for (const Score* score : scores) {
    out += "<tr>";
    if (first) {
      out += fmt::format("<th scope=\"rowgroup\" class=\"id\" rowspan=\"{}\">{}</th>",
                         scores.size(), escaped(site.id));
    }
    out += fmt::format("<th scope=\"row\">{}</th>{}</tr>\n", escaped(score->structure),
                       score_cells(*score, site));
    first = false;
  }
  return out + "</tbody>\n";
}

std::string mode_table(const Report& report, const std::string& mode) {
  std::string out =
      table_open(fmt::format("Mode {}: held-out patients, whole volumes in their original spacing",
                             mode)) +
      table_head({"Site", "Structure", number("Patients"), number("DSC"), number("HD95 [mm]"),
                  number("ASSD [mm]"), number("Mask ceiling")}) +
      "\n";
  for (const Site& site : report.sites) out += site_rows(report, site, mode);
  if (const auto mean = study_mean(report, mode)) {
    out += fmt::format(
        "<tfoot><tr class=\"mean\"><th scope=\"row\" colspan=\"2\">Mean of the sites</th>"
        "<td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td "
        "class=\"n\">{}</td><td></td></tr></tfoot>\n",
        mean->patients, score_text(mean->dsc), mm_text(mean->hd95_mm), mm_text(mean->assd_mm));
  }
  return out + table_close();
}

std::string baselines(const Report& report) {
  const auto modes = modes_of(report);
  if (modes.size() < 2) return {};
  std::string out = "<h3>Beside the baselines of the same run</h3>\n" +
                    table_open("Means of the sites; the same held-out patients",
                               {"Mode", number("Patients"), number("DSC"), number("HD95 [mm]"),
                                number("ASSD [mm]")});
  for (const auto& mode : modes) {
    const auto mean = study_mean(report, mode);
    if (!mean) continue;
    out += fmt::format(
        "<tr><th scope=\"row\">{}</th><td class=\"n\">{}</td><td class=\"n\">{}</td><td "
        "class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
        escaped(mode), mean->patients, score_text(mean->dsc), mm_text(mean->hd95_mm),
        mm_text(mean->assd_mm));
  }
  return out + "</tbody>" + table_close();
}

// Calibration and ejection fraction, where sites told them.
std::string beyond_overlap(const Report& report) {
  std::string rows;
  for (const Site& site : report.sites) {
    if (!site.calibration && !site.ef_error_percent) continue;
    const auto& calibration = site.calibration;
    rows += fmt::format(
        "<tr><th scope=\"row\" class=\"id\">{}</th><td class=\"n\">{}</td><td "
        "class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>\n",
        escaped(site.id), calibration ? score_text(calibration->ece_uncalibrated) : "–",
        calibration ? score_text(calibration->ece) : "–",
        calibration ? figure_text(calibration->temperature) : "–",
        site.ef_error_percent ? figure_text(*site.ef_error_percent) : "–");
  }
  if (rows.empty()) return {};
  return "<h3>Beyond overlap</h3>\n" +
         table_open(
             "Do probabilities say how often they are right, and what of the ventricle's "
             "function",
             {"Site", number("Calibration error (ECE) before"), number("after"),
              number("Temperature"), number("Ejection fraction, mean absolute error [points]")}) +
         rows + "</tbody>" + table_close();
}

std::string overlay_html(const Overlay& overlay) {
  return fmt::format(
      "<figure><img src=\"data:image/png;base64,{}\" alt=\"{}\" loading=\"lazy\"><figcaption>{} · "
      "{}</figcaption></figure>\n",
      to_base64(overlay.png), escaped(overlay.text), escaped(overlay.site), escaped(overlay.title));
}

// The outlines' colours are those of imaging/overlay.cpp (Okabe and Ito).
std::string outline_legend(const Report& report) {
  constexpr std::array<std::string_view, 6> colours{"#e69f00", "#56b4e9", "#00be82",
                                                    "#f0e442", "#d55e00", "#cc79a7"};
  std::string out = "<p class=\"note\">Outlines: ";
  for (std::size_t i = 0; i < report.study.structures.size(); ++i) {
    out += fmt::format("<span class=\"swatch\" style=\"background:{}\"></span> {} ",
                       colours[i % colours.size()], escaped(report.study.structures[i]));
  }
  return out + "</p>\n";
}

}  // namespace

std::string summary_html(const Report& report) {
  const Totals totals = totals_of(report);
  const auto mean = study_mean(report, report.study.preset);
  const auto worst = worst_site(report);
  std::string out =
      "<section class=\"short\" id=\"short\" aria-labelledby=\"short-title\">\n"
      "<h2 id=\"short-title\">In short</h2>\n<ul class=\"plain\">\n";
  out += fmt::format(
      "<li><strong>{} trained one segmentation network together</strong> on {} of {} ({}). {}</li>"
      "\n",
      count_text(report.sites.size(), "site", "sites"),
      count_text(totals.cases, "volume", "volumes"),
      count_text(totals.patients, "patient", "patients"), escaped(report.data_source),
      report.study.mask_decoder_leaves
          ? "Images, encoders and image decoders stayed where they were; <strong>mask decoders "
            "went "
            "to the trainer</strong>."
          : "Images, masks, encoders and decoders stayed where they were.");
  if (mean) {
    out += fmt::format(
        "<li>On {} that no part of the training saw, the network's masks overlap the reference "
        "with "
        "a mean DSC of <strong>{}</strong>{}.</li>\n",
        count_text(mean->patients, "patient", "patients"), score_text(mean->dsc),
        worst ? fmt::format("; the weakest site, {}, has {}", escaped(worst->site),
                            score_text(worst->dsc))
              : "");
  }
  const std::string verdict = worst_verdict(report);
  if (verdict == "fail" || verdict == "warn") {
    out += fmt::format(
        "<li>The privacy gate attacked exactly the codes that were to leave. <strong>Not every "
        "indicator passed</strong>; the codes left only because {} signed by named people of the "
        "sites. They are printed below with their reasons.</li>\n",
        totals.exceptions == 1 ? "an exception was"
                               : fmt::format("{} exceptions were", totals.exceptions));
  } else if (verdict == "pass") {
    out +=
        "<li>The privacy gate attacked exactly the codes that left; every indicator passed.</li>\n";
  }
  out += fmt::format(
      "<li>Every step is one of <strong>{}</strong> in a tamper-evident ledger; an offline check "
      "of "
      "the evidence {}.</li>\n</ul>\n",
      count_text(report.ledger.records, "signed record", "signed records"),
      report.verification.verdict == "holds"   ? "<strong>held</strong>"
      : report.verification.verdict == "fails" ? "<strong>failed</strong>"
                                               : "was not run");
  return out + cards(report) + section_close();
}

std::string quality_html(const Report& report, const Artwork& artwork) {
  std::string out = section_open("quality", "How good are the segmentations?");
  if (report.scores.empty()) {
    return out + "<p>No site has evaluated the network yet.</p>\n" + section_close();
  }
  out +=
      "<p>DSC is the overlap with the reference mask (1 is perfect), HD95 the distance within "
      "which "
      "95 % of the two surfaces lie, ASSD their mean distance. The <em>mask ceiling</em> is what a "
      "site's own mask encoder and decoder keep of a perfect mask: results hardly ever pass "
      "it.</p>\n";
  out += figure_html(artwork, "results", "tall");
  out += mode_table(report, modes_of(report).front());
  out += baselines(report);
  out += beyond_overlap(report);
  return out + section_close();
}

std::string pictures_html(const Report& report, const Artwork& artwork) {
  std::string out = section_open("pictures", "What it looks like");
  const bool any = std::any_of(artwork.overlays.begin(), artwork.overlays.end(),
                               [](const Overlay& o) { return o.group != "leak"; });
  if (!any) {
    return out +
           "<p>Pictures of single patients stay in each site's own report: "
           "<code>cloister site report</code> opens it there.</p>\n" +
           section_close();
  }
  out += report.one_machine
             ? "<p>From the sites' own reports; the demo combines them because one machine plays "
               "everyone.</p>\n"
             : "<p>From this site's own report.</p>\n";
  out += outline_legend(report);
  out += "<div class=\"pictures\">\n";
  for (const Overlay& overlay : artwork.overlays) {
    if (overlay.group != "leak") out += overlay_html(overlay);
  }
  out += "</div>\n";
  return out + section_close();
}

}  // namespace cloister::report
