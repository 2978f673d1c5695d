#include "cli/preflight.h"

#include <catch2/catch.hpp>

#include "cli/data_check.h"
#include "cli/plan_template.h"
#include "protocol/plan.h"

using namespace cloister;
using namespace cloister::cli;
using provenance::Json;

namespace {

Json json_of(const std::string& text) { return provenance::parse_json(text).value(); }

protocol::StudyPlan plan() {
  std::string text = plan_template();
  const std::string blank = "replace-by-64-hexadecimal-digits";
  text.replace(text.find(blank), blank.size(), std::string(64, '0'));
  return protocol::plan_from_toml(text, "plan.toml").value();
}

Json study_of(const protocol::StudyPlan& plan) {
  return Json::object()
      .set("study", "heart-1")
      .set("allowed", true)
      .set("policy", "The site's policy approves 'register-data'.")
      .set("plan_json", json_of(protocol::to_json(plan)))
      .set("limits", json_of(R"({"cases_min": 4, "leave_cases_max": 30})"))
      .set("left", json_of(R"({"bytes": 0, "cases": 0})"));
}

const std::string found = R"({"layout": "nnunet-raw", "cases": 40, "patients": 20, "opened": 8,
  "usable": 8, "problems": {}, "declared": ["LV", "MYO", "RV"], "seen": {"LV": 8, "MYO": 8, "RV": 8},
  "undeclared": 0, "spacing_mm": {"in_plane": [1.25, 1.5], "slices": [8, 10]},
  "size": {"in_plane": [192, 256], "slices": [8, 12]}, "orientations": {"LPS": 8},
  "outside_crop": 0, "asked": {"structures": ["LV", "MYO", "RV"], "missing": []}})";
const std::string registered = R"({"splits": {"train": {"patients": 12, "cases": 24},
  "tune": {"patients": 4, "cases": 8}, "test": {"patients": 4, "cases": 8}}, "excluded": {}})";

std::string with(std::string text, std::string_view from, std::string_view to) {
  text.replace(text.find(from), from.size(), to);
  return text;
}

// Names of the checks that are not good.
std::string bad_ones(const Checks& checks) {
  std::string names;
  for (const Check& check : checks) {
    if (check.good) continue;
    CHECK_FALSE(check.next.empty());
    names += (names.empty() ? "" : " ") + check.name;
  }
  return names;
}

std::string bad_of(const Json& study, const std::string& look, const std::string& rehearsal) {
  return bad_ones(preflight_checks({study, json_of(look), json_of(rehearsal)}, Instant(0)));
}

}  // namespace

TEST_CASE("a site whose data fit a study is told so, requirement by requirement", "[cli]") {
  const Checks checks =
      preflight_checks({study_of(plan()), json_of(found), json_of(registered)}, Instant(0));
  CHECK(bad_ones(checks).empty());
  CHECK(checks.size() >= 7);
}

TEST_CASE("each requirement that is not met is named with what to do", "[cli]") {
  const Json study = study_of(plan());
  CHECK(bad_of(study, with(found, R"("missing": [])", R"("missing": ["RV"])"), registered) ==
        "structures");
  CHECK(bad_of(study, with(found, R"("RV": 8)", R"("RV": 0)"), registered) == "structures");
  CHECK(bad_of(study, with(found, "[1.25, 1.5]", "[1.25, 3.2]"), registered) == "spacing");
  CHECK(bad_of(study, with(found, R"("outside_crop": 0)", R"("outside_crop": 3)"), registered) ==
        "size");
  CHECK(bad_of(study, found,
               with(registered, R"("excluded": {})", R"("excluded": {"mask.empty": 41})")) ==
        "left out");
  CHECK(bad_of(study, found, with(registered, R"("patients": 12)", R"("patients": 23)")) ==
        "limits");
  const std::string few = R"({"splits": {"train": {"patients": 3, "cases": 6}}, "excluded": {}})";
  CHECK(bad_of(study, found, few) == "patients");
  Json strict = study;
  strict.set("limits", json_of(R"({"cases_min": 41, "leave_cases_max": 30})"));
  CHECK(bad_of(strict, found, registered) == "limits");
  Json closed = study;
  closed.set("allowed", false);
  CHECK(bad_of(closed, found, registered) == "policy");
  auto dated = plan();
  dated.deadline = "2027-03-31";
  const auto at = [&](const char* time) {
    return bad_ones(preflight_checks({study_of(dated), json_of(found), json_of(registered)},
                                     instant_from_rfc3339(time).value()));
  };
  CHECK(at("2027-03-31T23:59:59.999Z").empty());
  CHECK(at("2027-04-01T00:00:00.000Z") == "deadline");
}

TEST_CASE("a registration that would fail is told in the worker's own words", "[cli]") {
  const Error few{Kind::unavailable, "worker.job",
                  "The site has 3 usable patients; the plan asks for 4.", "Add patients."};
  const auto checks =
      preflight_checks({study_of(plan()), json_of(found), tl::unexpected<Error>(few)}, Instant(0));
  CHECK(bad_ones(checks) == "patients");
}

TEST_CASE("a look at good images finds nothing odd", "[cli]") {
  CHECK(bad_ones(image_checks(json_of(found))).empty());
  CHECK(problem_checks(json_of(found)).empty());
}

TEST_CASE("what is odd about images is named: spacing, axes, labels, cases", "[cli]") {
  const auto bad_images = [](const std::string& look) {
    return bad_ones(image_checks(json_of(look)));
  };
  CHECK(bad_images(with(found, "[1.25, 1.5]", "[1, 2.5]")) == "spacing");
  CHECK(bad_images(with(with(found, "[1.25, 1.5]", "[1, 1]"), "[8, 10]", "[1, 1]")) == "spacing");
  CHECK(bad_images(with(found, R"({"LPS": 8})", R"({"LPS": 6, "RAS": 2})")) == "axes");
  CHECK(
      bad_images(with(found, R"({"LPS": 8})", R"({"LPI": 2, "LPS oblique": 4, "PSR oblique": 2})"))
          .empty());
  CHECK(bad_images(with(found, R"("RV": 8)", R"("RV": 0)")) == "labels");
  CHECK(bad_images(with(found, R"("undeclared": 0)", R"("undeclared": 2)")) == "labels");
  CHECK(bad_images(with(found, R"("usable": 8)", R"("usable": 5)")) == "images");
}

TEST_CASE("cases are named only where the worker was asked for names", "[cli]") {
  const std::string one =
      R"("problems": {"image.truncated": {"cases": 2, "next": "Copy it again."}})";
  const std::string counted = with(found, R"("problems": {})", one);
  CHECK(problem_checks(json_of(counted)).front().what == "image.truncated in 2 cases");
  const std::string named =
      with(counted, R"("outside_crop": 0)",
           R"("outside_crop": 0, "problem_cases": [{"case": "P1", "code": "image.truncated"},
              {"case": "P2", "code": "image.truncated"}])");
  CHECK(problem_checks(json_of(named)).front().what == "image.truncated in 2 cases: P1, P2");
}
