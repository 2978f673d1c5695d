// A network is released only after it was asked whether it gives its training patients away.
#include "provenance/model_release.h"

#include <catch2/catch.hpp>

#include "tests/provenance/world.h"

using namespace cloister;
using namespace cloister::provenance;
using cloister::provenance::test::digest_of;
using cloister::provenance::test::World;

namespace {

const StudyId heart = StudyId::trusted("heart");

Json tested(double area, const std::string& verdict) {
  return Json::array()
      .push(Json().set("name", "membership-auc").set("value", area).set("verdict", verdict))
      .push(Json().set("name", "membership-tpr").set("value", 0.01).set("verdict", "pass"));
}

struct Study : World {
  Study() { run_study(); }

  void evaluate(const std::string& site, Json membership) {
    Record record = draft("agent-" + site, RecordKind::model_evaluated);
    record.study = heart;
    record.inputs = {{"model", "model", things.at("model"), {}}};
    record.subjects = {{"evaluation", digest_of(site + std::to_string(++reports))}};
    record.details.set("membership", std::move(membership));
    add(record);
  }
  void except(const std::string& person, const std::string& indicator, double value,
              const Digest& about) {
    Record record = draft(person, RecordKind::permit_granted);
    record.study = heart;
    record.inputs = {{"model", "model", about, {}}};
    record.subjects = {{"permit", digest_of("exception " + std::to_string(++reports))}};
    record.details = to_details(Permit{Permit::Type::exception,
                                       {"model-release"},
                                       "trainer",
                                       "k",
                                       {{indicator, value, 0, {}, false}},
                                       "few patients, all of whom agreed"});
    add(record);
  }
  // The code of the refusal, or "".
  std::string release(const std::string& reason = {}, bool as_input = false) {
    Record approved = draft("steward-a", RecordKind::model_approved);
    approved.study = heart;
    approved.subjects = {{"model", things.at("model")}};
    const Admitted approval = add(approved);
    Record record = draft("owner", RecordKind::model_released);
    record.study = heart;
    record.reason = reason;
    record.approvals = {approval.leaf_hash};
    record.subjects = {{"model", things.at(as_input ? "plan" : "model")}};
    if (as_input) record.inputs = {{"model", "model", things.at("model"), {}}};
    return try_add(record);
  }

  int reports = 0;
};

}  // namespace

TEST_CASE("a network is released once every site that it learned from has tested it",
          "[provenance]") {
  Study study;
  CHECK(study.release("nobody asked") == "sequencer.membership");
  study.evaluate("a", tested(0.5, "pass"));
  CHECK(study.release("site b did not test it") == "sequencer.membership");
  CHECK(study.release("nor as an input", true) == "sequencer.membership");
  study.evaluate("b", Json::array());
  CHECK(study.release("a report that states nothing") == "sequencer.membership");
  study.evaluate(
      "b", Json::array().push(
               Json().set("name", "membership-auc").set("value", 0.5).set("verdict", "pass")));
  CHECK(study.release("one test of two") == "sequencer.membership");
  study.evaluate("b", tested(0.5, "pass"));
  CHECK(study.release() == "");
}

TEST_CASE("a failed membership test needs an exception of that site, for that value and network",
          "[provenance]") {
  Study study;
  study.evaluate("a", tested(0.5, "pass"));
  study.evaluate("b", tested(0.7, "fail"));
  const Digest model = study.things.at("model");
  CHECK(study.release("the owner's reason is not enough") == "sequencer.membership");
  study.except("steward-a", "membership-auc", 0.7, model);
  CHECK(study.release("another site's steward") == "sequencer.membership");
  study.except("steward-b", "membership-auc", 0.6, model);
  CHECK(study.release("a better value than what stands") == "sequencer.membership");
  study.except("steward-b", "membership-tpr", 0.7, model);
  CHECK(study.release("another indicator") == "sequencer.membership");
  study.except("steward-b", "membership-auc", 0.7, study.things.at("b.manifest"));
  CHECK(study.release("another thing") == "sequencer.membership");
  study.except("steward-b", "membership-auc", 0.7, model);
  CHECK(study.release() == "");
}

TEST_CASE("an uncertain membership test needs a reason, and an unknown verdict is a failed one",
          "[provenance]") {
  Study study;
  study.evaluate("a", tested(0.57, "warn"));
  study.evaluate("b", tested(0.5, "fine"));
  CHECK(study.release("few patients") == "sequencer.membership");
  study.evaluate("b", tested(0.5, "pass"));
  CHECK(study.release() == "sequencer.membership");
  CHECK(study.release("few patients") == "");
}

TEST_CASE("what is missing is said before what failed, and each with its own code",
          "[provenance]") {
  const Digest model = digest_of("model");
  MembershipTests tests(model);
  CHECK(tests.allow({}, "reason").error().code == "release.not_evaluated");
  Record record;
  record.kind = RecordKind::model_evaluated;
  record.actor.org = "a";
  record.inputs = {{"model", "model", model, {}}};
  record.details.set("membership", tested(0.7, "fail"));
  tests.take(record);
  CHECK(tests.allow({"a", "b"}, "reason").error().code == "release.not_evaluated");
  CHECK(tests.allow({"a"}, "reason").error().code == "release.failed");
  record.details.set("membership", tested(0.7, "warn"));
  tests.take(record);
  CHECK(tests.allow({"a"}, "").error().code == "release.reason");
  CHECK(tests.allow({"a"}, "reason").has_value());
  record.inputs = {{"model", "model", digest_of("another"), {}}};
  record.details.set("membership", tested(0.7, "fail"));
  tests.take(record);
  CHECK(tests.allow({"a"}, "reason").has_value());
}

TEST_CASE("a site that evaluated without a test is told apart from one that has not evaluated",
          "[provenance]") {
  const Digest model = digest_of("model");
  MembershipTests tests(model);
  const auto evaluate = [&](const std::string& site, Json membership) {
    Record record;
    record.kind = RecordKind::model_evaluated;
    record.actor.org = site;
    record.inputs = {{"model", "model", model, {}}};
    record.details.set("membership", std::move(membership));
    tests.take(record);
  };
  CHECK_FALSE(tests.open_at("a").is_evaluated);
  const Error waits = tests.allow({"a", "b"}, "reason").error();
  CHECK(waits.code == "release.not_evaluated");
  CHECK(waits.what.find("by a, b,") != std::string::npos);
  CHECK(waits.next.starts_with("Wait for that evaluation"));
  evaluate("a", Json::array());
  CHECK(tests.open_at("a").is_evaluated);
  // Said first, although b has not evaluated either: waiting for b would be in vain.
  const Error stuck = tests.allow({"a", "b"}, "reason").error();
  CHECK(stuck.code == "release.not_tested");
  CHECK(stuck.what.find("by a holds no membership test") != std::string::npos);
  CHECK(stuck.next.find("the move is the study owner's") != std::string::npos);
  evaluate("a", tested(0.5, "pass"));
  CHECK(tests.allow({"a"}, "").has_value());
}
