#include "site-agent/core/egress.h"

#include <catch2/catch.hpp>

#include "tests/support/consortium.h"

using namespace cloister;
using namespace cloister::site_agent;
using cloister::test::Consortium;

namespace {

// A dataset that may leave; each test takes one thing away.
struct Releasing {
  Releasing() {
    const auto membership = member::Membership::from(all.root(), all.bindings());
    study = member::verify_study(all.study(all.plan()), membership).value();
    manifest.digest = crypto::sha256(as_bytes("manifest"));
    for (std::uint64_t number = 1; number <= 3; ++number) {
      manifest.shards.push_back({number,
                                 number == 3 ? "evaluation" : "training",
                                 crypto::sha256(be64(number)),
                                 1000,
                                 10,
                                 4,
                                 {}});
    }
    gate.verdicts = {{"re-identification", 0.01, "pass"}, {"channel-correlation", 0.6, "warn"}};
    Permit release;
    release.type = "release";
    release.manifest = manifest.digest;
    release.recipient = study.trainer.id;
    release.recipient_key = to_hex(study.trainer.seal.view());
    release.purposes = {"training", "evaluation"};
    Permit exception;
    exception.type = "exception";
    exception.manifest = manifest.digest;
    exception.exceptions = {{"channel-correlation", 0.6}};
    permits = {release, exception};
  }
  [[nodiscard]] std::string refusal() const {
    const auto permit = may_release({policy, study, manifest, gate, permits, left});
    return permit ? "" : permit.error().code;
  }
  Consortium all;
  SitePolicy policy;
  member::Study study;
  Manifest manifest;
  GateReport gate;
  std::vector<Permit> permits;
  Left left;
};

}  // namespace

TEST_CASE("a release needs a permit for exactly this manifest, recipient, key and purpose",
          "[site-agent]") {
  CHECK(Releasing().refusal().empty());
  Releasing no_permit;
  no_permit.permits.erase(no_permit.permits.begin());
  CHECK(no_permit.refusal() == "release.no_permit");
  Releasing other_manifest;
  other_manifest.permits[0].manifest = crypto::sha256(as_bytes("other"));
  CHECK(other_manifest.refusal() == "release.no_permit");
  Releasing other_recipient;
  other_recipient.permits[0].recipient = MemberId::trusted("agent-b");
  CHECK(other_recipient.refusal() == "release.recipient");
  Releasing other_key;
  other_key.permits[0].recipient_key = std::string(64, 'a');
  CHECK(other_key.refusal() == "release.recipient");
  Releasing other_purpose;
  other_purpose.permits[0].purposes = {"training"};
  CHECK(other_purpose.refusal() == "release.purpose");
}

TEST_CASE("whatever the gate did not pass needs an exception for the very value", "[site-agent]") {
  Releasing no_exception;
  no_exception.permits.pop_back();
  CHECK(no_exception.refusal() == "release.exception");
  Releasing other_value;
  other_value.gate.verdicts[1].value = 0.65;
  CHECK(other_value.refusal() == "release.exception");
  Releasing failing;
  failing.gate.verdicts.push_back({"foreign-decoder", 0.4, "fail"});
  CHECK(failing.refusal() == "release.exception");
  Releasing no_gate;
  no_gate.gate.verdicts.clear();
  CHECK(no_gate.refusal() == "release.no_gate");
  Releasing required;
  required.policy.indicators_required = {"channel-correlation"};
  CHECK(required.refusal() == "release.indicator");
}

TEST_CASE("a mask decoder leaves only where plan, policy and a steward each say so",
          "[site-agent]") {
  Releasing guided;
  guided.manifest.shards.push_back(
      {0, "mask-decoder", crypto::sha256(as_bytes("decoder")), 1000, 0, 0, {}});
  CHECK(guided.refusal() == "release.decoder_policy");
  guided.policy.mask_decoder_leaves = true;
  CHECK(guided.refusal() == "release.decoder_policy");  // the plan asks for none
  guided.study.plan.mask_decoder_leaves = true;
  CHECK(guided.refusal() == "release.decoder_permit");
  Permit decoder = guided.permits[0];
  decoder.purposes = {"mask-decoder"};
  guided.permits.push_back(decoder);
  CHECK(guided.refusal().empty());
  // The decoder's permit alone lets no codes out, and it names its recipient as the other does.
  guided.permits.erase(guided.permits.begin());
  CHECK(guided.refusal() == "release.no_permit");
  guided.permits.back().recipient_key = std::string(64, 'a');
  guided.permits.insert(guided.permits.begin(), Releasing().permits[0]);
  CHECK(guided.refusal() == "release.recipient");
  const auto shown = preview_json(
      {guided.policy, guided.study, guided.manifest, guided.gate, guided.permits, guided.left});
  CHECK(shown.find("\"mask_decoder_leaves\":true") != std::string::npos);
  CHECK(shown.find("\"patients\":3") != std::string::npos);
}

TEST_CASE("the quota counts what left before", "[site-agent]") {
  Releasing bytes;
  bytes.policy.leave_bytes_max = 3000;
  CHECK(bytes.refusal().empty());
  bytes.left.bytes = 1;
  CHECK(bytes.refusal() == "release.quota");
  Releasing cases;
  cases.policy.leave_cases_max = 2;
  CHECK(cases.refusal() == "release.quota");
}

TEST_CASE("a permit counts only from a steward of this site", "[site-agent]") {
  Releasing releasing;
  Consortium& all = releasing.all;
  const auto membership = member::Membership::from(all.root(), all.bindings());
  provenance::Record record;
  record.kind = provenance::RecordKind::permit_granted;
  record.study = releasing.study.plan.study;
  record.details = provenance::to_details(provenance::Permit{
      provenance::Permit::Type::release, {"training"}, "trainer", "key", {}, "yes"});
  record.subjects.push_back({"permit", crypto::sha256(as_bytes("permit"))});
  record.inputs.push_back({"manifest", "manifest", releasing.manifest.digest, std::nullopt});
  const auto signed_by = [&](const std::string& who) {
    return permit_from(membership.open(all.sign(who, record, test::start_of_time)).value(),
                       "site-a");
  };
  REQUIRE(signed_by("steward-a").has_value());
  CHECK(signed_by("steward-a")->manifest == releasing.manifest.digest);
  CHECK(signed_by("steward-b").error().code == "permit.signer");
  CHECK(signed_by("admin-a").error().code == "permit.signer");
}

TEST_CASE("the preview says exactly what would leave and why it may not", "[site-agent]") {
  Releasing releasing;
  releasing.permits.clear();
  const auto json =
      provenance::parse_json(preview_json({releasing.policy, releasing.study, releasing.manifest,
                                           releasing.gate, releasing.permits, releasing.left}))
          .value();
  CHECK(provenance::count_at(json, "patients").value() == 3);
  CHECK(provenance::count_at(json, "bytes").value() == 3000);
  CHECK(json.find("leaves")->items()->size() == 2);
  CHECK_FALSE(*json.find("may_leave")->boolean());
  CHECK_FALSE(provenance::text_or_empty(json, "why").empty());
}
