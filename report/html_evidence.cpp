// Training, lineage, evidence, time, meaning, and how to make the page again.
#include <fmt/format.h>

#include "report/html_parts.h"
#include "report/html_text.h"

namespace cloister::report {
namespace {

std::string list_html(const std::vector<std::string>& lines) {
  if (lines.empty()) return {};
  std::string out = "<ul class=\"plain\">\n";
  for (const auto& line : lines) out += fmt::format("<li>{}</li>\n", escaped(line));
  return out + "</ul>\n";
}

std::string fact(std::string_view name, std::string_view html) {
  return fmt::format("<dt>{}</dt><dd>{}</dd>\n", name, html);
}

std::string site_jobs(const Site& site) {
  std::string out =
      table_open(fmt::format("Jobs of {}", site.id),
                 {"Job", "Approved by", number("Attempts"), number("Time"), "Outcome"});
  for (const JobTime& job : site.jobs) {
    out += fmt::format(
        "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"n\">{}</td><td "
        "class=\"n\">{}</td><td>{}"
        "</td></tr>\n",
        escaped(job.kind), job.approved_by.empty() ? "–" : escaped(job.approved_by), job.attempts,
        seconds_text(job.seconds), escaped(job.outcome));
  }
  return out + "</tbody>" + table_close();
}

std::string encoders_table(const Report& report) {
  std::string out = table_open("Networks of the run", {"Where", "Network", number("Last loss"),
                                                       number("Time"), "Commitment or digest"});
  for (const Site& site : report.sites) {
    for (const Encoder& encoder : site.encoders) {
      out += fmt::format(
          "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>"
          "<td>{}</td></tr>\n",
          escaped(site.id), escaped(encoder.which),
          encoder.final_loss ? figure_text(*encoder.final_loss) : "–",
          seconds_text(encoder.seconds), digest_html(encoder.digest));
    }
  }
  if (!report.pooled.digest.empty()) {
    out += fmt::format(
        "<tr><th scope=\"row\">trainer</th><td>shared network</td><td class=\"n\">{}</td><td "
        "class=\"n\">{}</td><td>{}</td></tr>\n",
        figure_text(report.pooled.final_loss), seconds_text(report.pooled.seconds),
        digest_html(report.pooled.digest));
  }
  return out + "</tbody>" + table_close();
}

}  // namespace

std::string training_html(const Report& report, const Artwork& artwork) {
  std::string out = section_open("training", "How did the training go?");
  out += "<div class=\"figures\">\n" + figure_html(artwork, "image-encoders") +
         figure_html(artwork, "mask-encoders") + figure_html(artwork, "pooled") + "</div>\n";
  out += encoders_table(report);
  out += "<details><summary>Every job, site by site</summary>\n";
  for (const Site& site : report.sites) out += site_jobs(site);
  return out + "</details>\n" + section_close();
}

std::string lineage_html(const Report& report, const Artwork& artwork) {
  std::string out = section_open("lineage", "Where did a prediction come from?");
  if (!report.prediction) {
    return out + "<p>No prediction has been made yet.</p>\n" + section_close();
  }
  const Prediction& prediction = *report.prediction;
  std::string volumes;
  for (const auto& [structure, ml] : prediction.volume_ml) {
    volumes += fmt::format("{}{} {:.1f} ml", volumes.empty() ? "" : ", ", escaped(structure), ml);
  }
  out += fmt::format(
      "<p>A new volume at {} was encoded there, predicted by the trainer and decoded there in {}. "
      "The mask <code>{}</code> was then handed to <code>cloister audit trace</code>, which walked "
      "from its SHA-256 through <strong>{}</strong> back to the commitments of the data.</p>\n",
      escaped(prediction.site), seconds_text(prediction.seconds), escaped(prediction.file),
      count_text(prediction.trace_records, "record", "records"));
  if (!volumes.empty()) out += fmt::format("<p class=\"note\">Volumes in it: {}.</p>\n", volumes);
  out += figure_html(artwork, "lineage", "tall");
  if (!prediction.trace.empty()) {
    out += "<details><summary>The same walk as text</summary>\n<pre>";
    for (const auto& line : prediction.trace) out += escaped(line) + "\n";
    out += "</pre></details>\n";
  }
  out += fmt::format(
      "<p class=\"note\">Closure digest {} – a replay of the exported log gives the same.</p>\n",
      digest_html(prediction.closure_digest));
  return out + section_close();
}

std::string evidence_html(const Report& report) {
  const Verification& verification = report.verification;
  std::string out = section_open("evidence", "Who says so?");
  out += "<dl class=\"facts\">\n";
  out += fact("Offline check", badge(verification.verdict));
  out += fact("Records in the ledger", fmt::format("{}", report.ledger.records));
  out +=
      fact("Root of the Merkle tree", fmt::format("<code>{}</code>", escaped(report.ledger.root)));
  out += fact("Log", fmt::format("<code>{}</code>", escaped(report.ledger.origin)));
  out += "</dl>\n";
  if (!verification.proved.empty()) out += "<h3>Proved</h3>\n" + list_html(verification.proved);
  if (!verification.failed.empty()) out += "<h3>Failed</h3>\n" + list_html(verification.failed);
  if (!verification.not_proved.empty()) {
    out += "<h3>Not proved</h3>\n" + list_html(verification.not_proved);
  }
  if (!verification.command.empty()) {
    out += fmt::format(
        "<h3>Check it yourself, without us</h3>\n<pre>{}</pre>\n<p class=\"note\">The bundle's "
        "README "
        "shows how to check the same with openssl and other people's tools.</p>\n",
        escaped(verification.command));
  }
  if (!report.ledger.checkpoint.empty()) {
    out +=
        fmt::format("<details><summary>The signed checkpoint</summary>\n<pre>{}</pre></details>\n",
                    escaped(report.ledger.checkpoint));
  }
  return out + section_close();
}

std::string time_html(const Report& report, const Artwork& artwork) {
  std::string out = section_open("time", "Time and bytes");
  std::uint64_t bytes = 0;
  for (const Stage& stage : report.stages) bytes += stage.bytes;
  out += figure_html(artwork, "stages");
  out += table_open("Stages of the run, by the clock on the wall",
                    {"Stage", "What happened", number("Time"), number("Bytes between processes")});
  for (const Stage& stage : report.stages) {
    out += fmt::format(
        "<tr><th scope=\"row\">{}</th><td>{}</td><td class=\"n\">{}</td><td "
        "class=\"n\">{}</td></tr>\n",
        escaped(stage.name), escaped(stage.plain), seconds_text(stage.seconds),
        stage.bytes == 0 ? "–" : bytes_text(stage.bytes));
  }
  out += fmt::format(
      "</tbody><tfoot><tr class=\"mean\"><th scope=\"row\" colspan=\"2\">Whole run</th><td "
      "class=\"n\">{}</td><td class=\"n\">{}</td></tr></tfoot>\n",
      seconds_text(report.seconds), bytes == 0 ? "–" : bytes_text(bytes));
  out += table_close();
  if (bytes > 0) {
    out +=
        "<p class=\"note\">Bytes are what the loopback interface carried in that time, by the "
        "kernel's count: sealed shards, replies, the ledger, polls, and whatever else this machine "
        "was doing.</p>\n";
  }
  return out + section_close();
}

std::string meaning_html(const Report& report) {
  std::string out = section_open("meaning", "What these figures mean, and what they do not");
  out += list_html(report.caveats);
  out +=
      "<ul class=\"plain\"><li>The gate measures the attacks listed above. An attack nobody has "
      "thought of is not measured; a pass is a measured budget, not a promise.</li>\n"
      "<li>The evidence proves who signed what, in which order, and that nothing was changed "
      "afterwards. It cannot prove that a hospital's data were what the hospital says.</li>\n"
      "<li>This is research software, not a medical device: no figure here supports a decision "
      "about a patient.</li></ul>\n";
  return out + section_close();
}

std::string again_html(const Report& report, const Artwork& artwork) {
  std::string out = section_open("again", "How this page was made");
  out += "<dl class=\"facts\">\n";
  out += fact("Command", fmt::format("<code>{}</code>", escaped(report.command)));
  out += fact("Purpose", escaped(report.study.purpose));
  out += fact("Legal basis", escaped(report.study.legal_basis));
  out += fact("Plan", digest_html(report.study.plan));
  for (const auto& [name, value] : report.versions) out += fact(escaped(name), escaped(value));
  for (const auto& [name, value] : report.machine) out += fact(escaped(name), escaped(value));
  for (const auto& [name, value] : report.seeds) {
    out += fact("Seed: " + escaped(name), fmt::format("{}", value));
  }
  out +=
      "</dl>\n<p class=\"note\">Seeds of encoders are secrets of their sites and stand "
      "nowhere.</p>\n";
  out += list_html(artwork.missing);
  return out + section_close();
}

}  // namespace cloister::report
