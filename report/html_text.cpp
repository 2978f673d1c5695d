#include "report/html_text.h"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "base/time.h"

namespace cloister::report {

std::string score_text(double value) { return fmt::format("{:.3f}", value); }

std::string score_text(const std::optional<double>& value) {
  return value ? score_text(*value) : "–";
}

std::string mm_text(const std::optional<double>& value) {
  return value ? fmt::format("{:.1f}", *value) : "–";
}

std::string figure_text(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e6) return fmt::format("{:.0f}", value);
  return fmt::format("{:.3g}", value);
}

std::string bytes_text(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 5> units{"B", "kB", "MB", "GB", "TB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1000.0 && unit + 1 < units.size()) {
    value /= 1000.0;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

std::string seconds_text(double seconds) {
  return for_people(Duration(static_cast<std::int64_t>(std::llround(seconds * 1000.0))));
}

std::string count_text(std::uint64_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string badge(std::string_view verdict) {
  struct Look {
    std::string_view verdict, style, text;
  };
  constexpr std::array<Look, 6> looks{{{"pass", "good", "✓ pass"},
                                       {"warn", "warn", "! warn"},
                                       {"fail", "bad", "✗ fail"},
                                       {"holds", "good", "✓ holds"},
                                       {"fails", "bad", "✗ fails"},
                                       {"exception", "warn", "✎ exception signed"}}};
  for (const Look& look : looks) {
    if (look.verdict == verdict) {
      return fmt::format("<span class=\"badge {}\">{}</span>", look.style, look.text);
    }
  }
  return fmt::format("<span class=\"badge\">{}</span>", verdict.empty() ? "–" : escaped(verdict));
}

std::string digest_html(std::string_view digest) {
  if (digest.empty()) return "–";
  return fmt::format("<code class=\"digest\" title=\"{}\">{}…</code>", escaped(digest),
                     escaped(digest.substr(0, 12)));
}

namespace {

std::string consent_html(const Site& site) {
  if (!site.decoder) {
    return fmt::format(
        "<li><strong>{}</strong>: nobody has signed; its mask decoder is still "
        "there.</li>\n",
        escaped(site.id));
  }
  const DecoderConsent& by = *site.decoder;
  const std::string policy =
      by.policy.empty() ? "no policy of this site is on record"
                        : fmt::format(
                              "allowed by policy {}, signed by <strong>{}</strong> (record "
                              "{})",
                              digest_html(by.policy), escaped(by.policy_signed_by),
                              digest_html(by.policy_record));
  return fmt::format(
      "<li><strong>{}</strong>: <strong>{}</strong> let it go: “{}” (record {}); {}.</li>\n",
      escaped(site.id), escaped(by.signed_by), escaped(by.reason), digest_html(by.record), policy);
}

}  // namespace

std::string guided_html(const Report& report, const Site* only) {
  if (!report.study.mask_decoder_leaves) return {};
  std::string list;
  for (const Site& site : report.sites) {
    if (only == nullptr || only->id == site.id) list += consent_html(site);
  }
  return "<div class=\"alert\" role=\"note\"><p class=\"lead\">The trainer can read masks in this "
         "study.</p><p>It is guided: a hospital's mask decoder goes to the trainer, which can turn "
         "the codes of its outlines back into the outlines of its patients. Images, image decoders "
         "and encoders stay. Who consented:</p><ul class=\"plain\">\n" +
         list + "</ul></div>\n";
}

std::string section_open(std::string_view id, std::string_view title) {
  return fmt::format(
      "<section id=\"{0}\" aria-labelledby=\"{0}-title\">\n<h2 id=\"{0}-title\">{1}</h2>\n", id,
      escaped(title));
}

std::string section_close() { return "</section>\n"; }

std::string table_open(std::string_view caption) {
  return fmt::format(
      "<div class=\"wide\" role=\"region\" tabindex=\"0\" aria-label=\"{0}\">\n"
      "<table>\n<caption>{0}</caption>\n",
      escaped(caption));
}

std::string table_head(const std::vector<Column>& columns) {
  std::string out = "<thead><tr>";
  for (const Column& column : columns) {
    out += fmt::format("<th scope=\"col\"{}>{}</th>", column.is_number ? " class=\"n\"" : "",
                       escaped(column.title));
  }
  return out + "</tr></thead>";
}

std::string table_open(std::string_view caption, const std::vector<Column>& columns) {
  return table_open(caption) + table_head(columns) + "<tbody>\n";
}

std::string table_close() { return "</table>\n</div>\n"; }

}  // namespace cloister::report
