#include <fmt/format.h>

#include "base/version.h"
#include "report/html_parts.h"
#include "report/html_sheet.h"
#include "report/html_text.h"

namespace cloister::report {
namespace {

// "2026-11-26 23:20 UTC"
std::string minute_text(Instant at) {
  std::string text = to_rfc3339(at).substr(0, 16) + " UTC";
  text[10] = ' ';
  return text;
}

std::string top_html(const Report& report) {
  std::string out = fmt::format(
      "<a class=\"skip\" href=\"#main\">Skip to the report</a>\n<header>\n"
      "<p class=\"brand\">Cloister · study report</p>\n<h1>{}</h1>\n"
      "<p class=\"sub\">Study <code>{}</code>, version {} · {} · mode <strong>{}</strong>, budget "
      "<strong>{}</strong> · {}</p>\n",
      escaped(report.study.title), escaped(report.study.id), report.study.version,
      count_text(report.sites.size(), "site", "sites"), escaped(report.study.preset),
      escaped(report.study.budget), minute_text(report.made_at));
  out +=
      "<nav aria-label=\"Sections\"><ul>"
      "<li><a href=\"#quality\">Quality</a></li><li><a href=\"#pictures\">Pictures</a></li>"
      "<li><a href=\"#privacy\">Privacy gate</a></li><li><a href=\"#left\">What left</a></li>"
      "<li><a href=\"#training\">Training</a></li><li><a href=\"#lineage\">Lineage</a></li>"
      "<li><a href=\"#evidence\">Evidence</a></li><li><a href=\"#time\">Time</a></li>"
      "<li><a href=\"#meaning\">What this means</a></li></ul></nav>\n</header>\n";
  return out;
}

std::string one_machine_html(const Report& report) {
  if (!report.one_machine) return {};
  return "<div class=\"machine\" role=\"note\"><p><strong>This is a demonstration.</strong> One "
         "machine played every hospital, the coordinator, the trainer and every person; only for "
         "that reason can this page show pictures of single patients of several sites together. "
         "In a real consortium they stay in each site's own report.</p></div>\n";
}

}  // namespace

std::string figure_html(const Artwork& artwork, const std::string& id, const std::string& style) {
  const auto svg = artwork.figures.find(id);
  const auto drawn = artwork.drawn.find(id);
  if (svg == artwork.figures.end() || drawn == artwork.drawn.end()) return {};
  return fmt::format(
      "<figure class=\"{}\"><div class=\"art\">{}</div><figcaption>{}</figcaption></figure>\n",
      style, svg->second, escaped(drawn->second.title));
}

std::string to_html(const Report& report, const Artwork& artwork) {
  std::string out = head_html(report.study.title + " – Cloister study report") + "<body>\n" +
                    top_html(report) + "<main id=\"main\">\n";
  out += guided_html(report);
  out += one_machine_html(report);
  out += summary_html(report);
  out += quality_html(report, artwork);
  out += pictures_html(report, artwork);
  out += gate_html(report, artwork);
  out += left_html(report);
  out += training_html(report, artwork);
  out += lineage_html(report, artwork);
  out += evidence_html(report);
  out += time_html(report, artwork);
  out += meaning_html(report);
  out += again_html(report, artwork);
  out += fmt::format(
      "</main>\n<footer><p>Written by cloister {} · every figure of this page stands in "
      "<code>report.json</code> beside it.</p></footer>\n</body>\n</html>\n",
      program_version());
  return out;
}

}  // namespace cloister::report
