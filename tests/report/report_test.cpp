#include <fmt/format.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "report/artwork.h"
#include "report/html_text.h"
#include "report/site_report.h"
#include "tests/report/sample_report.h"

using namespace cloister;
using namespace cloister::report;

namespace {

struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "report-test-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
};

// 0 valid, 1 not valid, 77 no validator here.
int schema_status(const std::string& json) {
  const Folder folder;
  REQUIRE(write_text(folder.path / "report.json", json));
  const std::string command = fmt::format(
      "/usr/bin/python3 tests/report/schema_check.py docs/report.schema.json {}/report.json >&2",
      folder.path.string());
  const int status = std::system(command.c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : 77;
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

Drawing a_drawing() {
  Drawing drawing;
  drawing.id = "curve";
  drawing.title = "A curve";
  drawing.text = "It falls.";
  return drawing;
}

}  // namespace

TEST_CASE("report.json of the sample is what the fixture holds", "[report]") {
  const auto fixture = read_text("tests/report/sample-report.json");
  REQUIRE(fixture);
  CHECK(to_json(sample::a_report()) == *fixture);
}

TEST_CASE("report.json keeps to its published schema", "[report]") {
  const std::string json = to_json(sample::a_report());
  const int status = schema_status(json);
  if (status == 77) {
    WARN("SKIPPED: python3-jsonschema is not installed, so the schema was not checked.");
    return;
  }
  CHECK(status == 0);
  CHECK(schema_status(to_json(Report{})) == 1);  // a study without a name
  CHECK(schema_status(replaced(json, "\"hd95_mm\"", "\"hd95\"")) == 1);
  CHECK(schema_status(replaced(json, "\"verdict\": \"holds\"", "\"verdict\": \"fine\"")) == 1);
}

TEST_CASE("the study's mean gives every site the same weight", "[report]") {
  Report report;
  report.study.preset = "adapted";
  report.sites.resize(2);
  report.sites[0].id = "large";
  report.sites[1].id = "small";
  const auto add = [&](const std::string& site, double dsc, std::uint64_t patients) {
    Score score;
    score.mode = "adapted";
    score.site = site;
    score.structure = "LV";
    score.dsc = dsc;
    score.patients = patients;
    report.scores.push_back(score);
  };
  add("large", 0.9, 30);
  add("small", 0.5, 3);
  const auto mean = study_mean(report, "adapted");
  REQUIRE(mean);
  CHECK(mean->dsc == Approx(0.7));
  CHECK(mean->patients == 33);
  CHECK_FALSE(mean->hd95_mm);
  CHECK_FALSE(study_mean(report, "local-only"));
}

TEST_CASE("the page needs nothing from outside and names every picture", "[report]") {
  Report report = sample::a_report();
  Artwork artwork;
  artwork.overlays = sample::some_overlays();
  const std::string html = to_html(report, artwork);
  CHECK_FALSE(has(html, "http://"));
  CHECK_FALSE(has(html, "https://"));
  CHECK_FALSE(has(html, "<script"));
  CHECK_FALSE(has(html, "alt=\"\""));
  CHECK(has(html, "default-src 'none'"));
  CHECK(has(html, "This is a demonstration."));
  for (const auto* id : {"short", "quality", "pictures", "privacy", "left", "training", "lineage",
                         "evidence", "time", "meaning"}) {
    CHECK(has(html, fmt::format(" id=\"{0}\" aria-labelledby=\"{0}-title\"", id)));
  }
}

TEST_CASE("text from a study cannot become markup", "[report]") {
  Report report = sample::a_report();
  report.study.title = "<script>alert('x')</script>";
  report.sites[0].gate.exceptions[0].reason = "\"><img src=x onerror=alert(1)>";
  const std::string html = to_html(report, Artwork{});
  CHECK_FALSE(has(html, "<script"));
  CHECK_FALSE(has(html, "<img"));
  CHECK(has(html, "&lt;script&gt;"));
}

TEST_CASE("pictures of single patients stay out of a report that is no demo", "[report]") {
  Report report = sample::a_report();
  report.one_machine = false;
  const std::string html = to_html(report, Artwork{});
  CHECK_FALSE(has(html, "data:image"));
  CHECK(has(html, "stay in each site's own report"));
}

TEST_CASE("an exception is printed with its person and its reason", "[report]") {
  const std::string html = to_html(sample::a_report(), Artwork{});
  CHECK(has(html, "steward-site-a"));
  CHECK(has(html, "no patient stands behind these codes"));
  CHECK(has(html, "Not every indicator passed"));
}

TEST_CASE("an SVG of a drawing program becomes part of the page in our colours", "[report]") {
  const std::string svg =
      "<?xml version=\"1.0\"?>\n<svg viewBox=\"0 0 10 10\"><title>Gnuplot</title>"
      "<g id=\"a\"><path stroke='rgb(160,   0,   1)' fill=\"#010203\"/>"
      "<use xlink:href='#a' color='rgb(160,   0,   2)'/></g></svg>";
  const auto tamed = tamed_svg(svg, a_drawing());
  REQUIRE(tamed);
  CHECK(has(*tamed, "stroke='var(--s1)'"));
  CHECK(has(*tamed, "fill=\"var(--ink)\""));
  CHECK(has(*tamed, "id=\"curve-a\""));
  CHECK(has(*tamed, "href='#curve-a'"));
  CHECK(has(*tamed, "A curve"));
  CHECK_FALSE(has(*tamed, "Gnuplot"));
  CHECK_FALSE(has(*tamed, "<?xml"));
}

TEST_CASE("an SVG with active or outside content is refused", "[report]") {
  for (const auto* inside :
       {"<script>x</script>", "<image xlink:href=\"data:,x\"/>",
        "<a xlink:href=\"file:///x\">y</a>", "<foreignObject/>", "<style>@import 'x'</style>"}) {
    const auto tamed =
        tamed_svg(fmt::format("<svg viewBox=\"0 0 1 1\">{}</svg>", inside), a_drawing());
    REQUIRE_FALSE(tamed);
    CHECK(tamed.error().code == "report.svg");
  }
  CHECK_FALSE(tamed_svg("no picture", a_drawing()));
  CHECK_FALSE(tamed_svg("<svg></svg>", a_drawing()));
}

TEST_CASE("a curve without points is not drawn", "[report]") {
  Report report = sample::a_report();
  const auto all = drawings(report);
  CHECK(all.size() == 5);
  for (Site& site : report.sites) site.encoders.clear();
  CHECK(drawings(report).size() == 3);
  CHECK(drawings(Report{}).empty());
}

TEST_CASE("numbers are written as people read them", "[report]") {
  CHECK(bytes_text(999) == "999 B");
  CHECK(bytes_text(1'500'000) == "1.5 MB");
  CHECK(score_text(0.83449) == "0.834");
  CHECK(figure_text(64) == "64");
  CHECK(figure_text(0.05) == "0.05");
  CHECK(count_text(1, "patient", "patients") == "1 patient");
}

TEST_CASE("a site's own report names what was left out and why, and cannot become markup",
          "[report]") {
  SiteReport report;
  report.site = "site-a";
  report.study = "heart-1";
  report.used.push_back({"P001_ED", "P001", "train", "ED", 11});
  report.left_out.push_back({"P<b>2", "image.not_finite", "The image holds NaN."});
  report.scores.push_back({"P003_ES", "LV", 0.9, 3.5, 1.0, 101, 99});
  report.pictures.push_back({"site-a", "best", "best case", "overlay", to_bytes("png")});
  const std::string page = to_html(report);
  CHECK(has(page, "P&lt;b&gt;2"));
  CHECK(has(page, "image.not_finite"));
  CHECK(has(page, "The image holds NaN."));
  CHECK(has(page, "This page stays here."));
  CHECK(has(page, "data:image/png;base64,"));
  CHECK_FALSE(has(page, "<script"));
  CHECK_FALSE(has(page, "http://"));
  CHECK(has(to_json(report), "\"reason\": \"The image holds NaN.\""));
  CHECK(has(to_html(SiteReport{}), "not been looked at yet"));
}
