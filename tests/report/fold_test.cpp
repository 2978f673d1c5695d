// What records turn into in a report, one record at a time.
#include "report/fold.h"

#include <catch2/catch.hpp>

using namespace cloister;
using namespace cloister::report;
using provenance::Permit;
using provenance::Record;
using provenance::RecordKind;
using provenance::StoredRecord;

namespace {

Digest digest_number(std::uint8_t number) {
  return digest_from_hex(fmt::format("{:064x}", number)).value();
}

const Digest dataset = digest_number(1);
const Digest other_dataset = digest_number(2);
const Digest network = digest_number(3);
const Digest other_network = digest_number(4);
const std::set<Digest> networks{network, other_network};

Record record_of(RecordKind kind, const std::string& role, const Digest& about) {
  Record record;
  record.kind = kind;
  record.actor = {MemberId::trusted("sam"), provenance::Role::site_steward, "site-a", {}};
  record.inputs = {{role, role, about, std::nullopt}};
  return record;
}

StoredRecord excepting(const std::string& role, const Digest& about, const std::string& indicator,
                       double value) {
  Permit permit;
  permit.type = Permit::Type::exception;
  permit.indicators = {{indicator, value, 0, digest_number(9), false}};
  permit.reason = "the board agreed";
  StoredRecord stored;
  stored.record = record_of(RecordKind::permit_granted, role, about);
  stored.record->details = to_details(permit);
  return stored;
}

provenance::Json one_test(const std::string& name, double value) {
  return provenance::Json::array().push(
      provenance::Json().set("name", name).set("value", value).set("verdict", "fail"));
}

Report assessed() {
  Report report;
  report.study.preset = "adapted";
  Record gate = record_of(RecordKind::gate_reported, "manifest", dataset);
  gate.details.set("indicators", one_test("re-identification", 0.4));
  fold_gate(report, gate);
  Record evaluation = record_of(RecordKind::model_evaluated, "model", network);
  evaluation.details.set("membership", one_test("membership-auc", 0.7));
  fold_evaluation(report, evaluation);
  return report;
}

}  // namespace

TEST_CASE("an exception answers an indicator of the very dataset and value that a person saw",
          "[report]") {
  const auto answers = [](const Digest& about, const std::string& indicator, double value) {
    Report report = assessed();
    fold_permit(report, networks, excepting("manifest", about, indicator, value));
    const Site& site = report.sites.front();
    REQUIRE(site.gate.exceptions.size() == 1);  // shown in any case: somebody signed it
    CHECK(site.network_exceptions.empty());
    return gate_exception(site, site.gate.indicators.front()) != nullptr && may_leave(site);
  };
  CHECK(answers(dataset, "re-identification", 0.4));
  CHECK_FALSE(answers(other_dataset, "re-identification", 0.4));
  CHECK_FALSE(answers(dataset, "re-identification", 0.39));
  CHECK_FALSE(answers(dataset, "mask-leakage", 0.4));
}

TEST_CASE("an exception about a network stands in a list of its own and answers for that network",
          "[report]") {
  const auto answers = [](const Digest& about, double value) {
    Report report = assessed();
    // Whatever the role is called that the permit gives it.
    fold_permit(report, networks, excepting("manifest", about, "membership-auc", value));
    const Site& site = report.sites.front();
    REQUIRE(site.network_exceptions.size() == 1);
    CHECK(site.gate.exceptions.empty());
    CHECK_FALSE(may_leave(site));
    return network_exception(site, site.membership.front()) != nullptr;
  };
  CHECK(answers(network, 0.7));
  CHECK_FALSE(answers(other_network, 0.7));
  CHECK_FALSE(answers(network, 0.71));
}

TEST_CASE("a permit's erased reason is shown as who erased it under which record", "[report]") {
  Report report = assessed();
  StoredRecord stored = excepting("manifest", dataset, "re-identification", 0.4);
  stored.record->details.set("reason", "[erased]");
  stored.is_remains = true;
  stored.erased = provenance::ErasedBy{12, MemberId::trusted("sue"), "site-a", Instant()};
  fold_permit(report, networks, stored);
  CHECK(report.sites.front().gate.exceptions.front().reason ==
        "[words erased by sue (site-a) under record 12]");
}

TEST_CASE("codes that nobody assessed may not leave", "[report]") {
  CHECK_FALSE(may_leave(Site{}));
}
