#include <catch2/catch.hpp>

#include "desk.h"

using namespace cloister;
using namespace cloister::coordinator;
using namespace cloister::coordinator::testing;
using protocol::JobState;

namespace {

std::string code_of(const Result<void>& result) { return result ? "ok" : result.error().code; }

}  // namespace

TEST_CASE("a product of a job that nobody approved is refused and changes nothing",
          "[coordinator]") {
  Desk desk;
  desk.open_study();
  const Job* job = desk.job("a", "register-data");
  REQUIRE(job != nullptr);
  const auto before = desk.ledger.size();
  CHECK(code_of(desk.submit(desk.product(*job))) == "job.not_approved");
  CHECK(desk.ledger.size() == before);
  CHECK(job->state == JobState::offered);
}

TEST_CASE("only the assignee finishes a job, and only people of its site decide about it",
          "[coordinator]") {
  Desk desk;
  desk.open_study();
  const Job* job = desk.job("a", "register-data");
  Record foreign = desk.record(RecordKind::job_approved, "admin-b");
  foreign.study = job->study;
  foreign.job = job->id;
  foreign.inputs = {{"spec", "spec", job->spec_digest, std::nullopt}};
  CHECK(code_of(desk.submit(foreign)) == "job.site");
  desk.approve(job->id, "admin-a");
  Record stolen = desk.product(*job);
  stolen.actor.id = MemberId::trusted("agent-b");
  CHECK(code_of(desk.submit(stolen)) == "job.assignee");
  CHECK(code_of(desk.submit(desk.product(*job))) == "ok");
  CHECK(desk.job("a", "register-data")->state == JobState::done);
}

TEST_CASE("the second product of a job has no effect", "[coordinator]") {
  Desk desk;
  desk.open_study();
  desk.run_chain("a", "register-data");
  const Job* job = desk.job("a", "register-data");
  const auto outputs = job->outputs;
  Record again = desk.product(*job);
  again.subjects = {{"product", digest_of("something else")}};
  CHECK(code_of(desk.submit(again)) == "job.closed");
  CHECK(desk.job("a", "register-data")->outputs == outputs);
}

TEST_CASE("an approval that cites another spec than the one offered is stale", "[coordinator]") {
  Desk desk;
  desk.open_study();
  Record approved = desk.record(RecordKind::job_approved, "admin-a");
  approved.study = desk.study().id();
  approved.job = desk.job("a", "register-data")->id;
  approved.inputs = {{"spec", "spec", digest_of("another"), std::nullopt}};
  CHECK(code_of(desk.submit(approved)) == "job.spec");
}

TEST_CASE("a release needs exceptions for what the gate did not pass, a permit, and the bytes",
          "[coordinator]") {
  Desk desk;
  desk.open_study();
  desk.run_chain("a", "assess-privacy");
  const Job* release = desk.job("a", "release");
  REQUIRE(release != nullptr);
  CHECK(release->state == JobState::offered);

  Record approved = desk.record(RecordKind::job_approved, "agent-a");
  approved.study = release->study;
  approved.job = release->id;
  approved.inputs = {{"spec", "spec", release->spec_digest, std::nullopt}};
  CHECK(code_of(desk.submit(approved)) == "job.person");

  desk.permit_release("a");
  CHECK(desk.job("a", "release")->state == JobState::offered);  // the gate is still closed
  desk.except_all("a");
  CHECK(desk.job("a", "release")->state == JobState::approved);

  CHECK(code_of(desk.submit(desk.product(*desk.job("a", "release")))) == "transfer.incomplete");
  desk.upload("a");
  CHECK(code_of(desk.submit(desk.product(*desk.job("a", "release")))) == "ok");
  CHECK(desk.study().site_dataset("a")->admitted);
}

TEST_CASE("an exception holds for the value that a person saw, not for a worse one",
          "[coordinator]") {
  Desk desk;
  desk.open_study();
  desk.run_chain("a", "assess-privacy");
  desk.except_all("a");
  CHECK(desk.study().site_dataset("a")->gate_is_open());
  Dataset worse = *desk.study().site_dataset("a");
  worse.not_passed["channel-correlation"] = 0.95;
  CHECK_FALSE(worse.gate_is_open());
}

TEST_CASE("a gate report that states no indicators opens nothing", "[coordinator]") {
  Desk desk;
  desk.open_study();
  desk.run_chain("a", "encode");
  const Job* gate = desk.job("a", "assess-privacy");
  desk.approve(gate->id, "agent-a");
  Record report = desk.product(*gate);
  report.details = Json::object();
  desk.must(report);
  CHECK_FALSE(desk.study().site_dataset("a")->gate_is_open());
}

TEST_CASE("a permit for another site's data or another recipient is refused", "[coordinator]") {
  Desk desk;
  desk.open_study();
  desk.run_chain("a", "assess-privacy");
  Record granted = desk.record(RecordKind::permit_granted, "steward-b");
  granted.study = desk.study().id();
  granted.inputs = {
      {"manifest", "manifest", desk.study().site_dataset("a")->manifest, std::nullopt}};
  provenance::Permit permit;
  permit.recipient = "trainer";
  granted.details = provenance::to_details(permit);
  CHECK(code_of(desk.submit(granted)) == "permit.site");
  granted.actor.id = MemberId::trusted("steward-a");
  permit.recipient = "coordinator";
  granted.details = provenance::to_details(permit);
  CHECK(code_of(desk.submit(granted)) == "permit.recipient");
}

TEST_CASE("a plan is opened by its owner, and an amendment counts up by one", "[coordinator]") {
  Desk desk;
  auto plan = desk.plan();
  Record foreign = desk.opening(plan);
  foreign.actor.id = MemberId::trusted("admin");
  CHECK(code_of(desk.submit(foreign)) == "study.plan");
  desk.open_study();
  CHECK(code_of(desk.submit(desk.opening(plan))) == "study.version");
  plan.version = 3;
  CHECK(code_of(desk.submit(desk.opening(plan))) == "study.version");
  plan.version = 2;
  CHECK(code_of(desk.submit(desk.opening(plan))) == "ok");
  CHECK(desk.study().plan().version == 2);
  CHECK(desk.job("a", "register-data", 2) != nullptr);
}

TEST_CASE("a model is released only after the approvals that its plan asks for", "[coordinator]") {
  Desk desk;
  desk.run_to_model();
  const Digest model = desk.study().newest_model()->digest;
  Record released = desk.record(RecordKind::model_released, "owner");
  released.study = desk.study().id();
  released.subjects = {{"model", model}};
  CHECK(code_of(desk.submit(released)) == "model.approvals");
  Record approved = desk.record(RecordKind::model_approved, "steward-b");
  approved.study = desk.study().id();
  approved.subjects = {{"model", model}};
  desk.must(approved);
  CHECK(code_of(desk.submit(released)) == "ok");
  CHECK(desk.study().phase() == "released");
}

TEST_CASE("a steward's exception about a network is noted for whoever acts on its release",
          "[coordinator]") {
  Desk desk;
  desk.run_to_model();
  const Digest model = desk.study().newest_model()->digest;
  provenance::Permit permit;
  permit.type = provenance::Permit::Type::exception;
  permit.indicators = {{"membership-auc", 0.7, 0.6, digest_of("test"), false}};
  Record granted = desk.record(RecordKind::permit_granted, "steward-a");
  granted.study = desk.study().id();
  granted.subjects = {{"permit", digest_of("model exception")}};
  granted.inputs = {{"model", "model", digest_of("no model of this study"), std::nullopt}};
  granted.details = provenance::to_details(permit);
  CHECK(code_of(desk.submit(granted)) == "permit.site");
  CHECK(desk.study().newest_model()->evidence.empty());
  granted.inputs = {{"model", "model", model, std::nullopt}};
  desk.must(granted);
  CHECK(desk.study().newest_model()->evidence.size() == 1);
  permit.type = provenance::Permit::Type::release;  // codes are released, not networks
  granted.subjects = {{"permit", digest_of("model release")}};
  granted.details = provenance::to_details(permit);
  CHECK(code_of(desk.submit(granted)) == "permit.site");
}

TEST_CASE("a failure is tried again three times, unless trying again is pointless",
          "[coordinator]") {
  Desk desk;
  desk.open_study();
  const auto failed = [&](const std::string& site, const std::string& kind) {
    const Job* job = desk.job(site, "register-data");
    Record record = desk.record(RecordKind::job_failed, "agent-" + site);
    record.study = job->study;
    record.job = job->id;
    record.details.set("what", "the disk is full").set("kind", kind);
    desk.must(record);
    return desk.job(site, "register-data")->state;
  };
  desk.approve(desk.job("a", "register-data")->id, "agent-a");
  CHECK(failed("a", "exhausted") == JobState::approved);
  CHECK(failed("a", "exhausted") == JobState::approved);
  CHECK(failed("a", "exhausted") == JobState::failed);
  desk.approve(desk.job("b", "register-data")->id, "agent-b");
  CHECK(failed("b", "invalid") == JobState::failed);
  // Work that comes late is work all the same.
  CHECK(code_of(desk.submit(desk.product(*desk.job("a", "register-data")))) == "ok");
  CHECK(desk.job("a", "register-data")->state == JobState::done);
}

TEST_CASE("a job can be held, resumed, denied and taken up again by its site", "[coordinator]") {
  Desk desk;
  desk.open_study();
  const auto decide = [&](RecordKind kind, const std::string& decision) {
    const Job* job = desk.job("a", "register-data");
    Record record = desk.record(kind, "admin-a");
    record.study = job->study;
    record.job = job->id;
    record.inputs = {{"spec", "spec", job->spec_digest, std::nullopt}};
    record.reason = "because";
    record.details.set("decision", decision);
    desk.must(record);
    return desk.job("a", "register-data")->state;
  };
  CHECK(decide(RecordKind::job_denied, "hold") == JobState::held);
  CHECK(decide(RecordKind::job_approved, "resume") == JobState::offered);
  desk.approve(desk.job("a", "register-data")->id, "admin-a");
  CHECK(decide(RecordKind::job_denied, "hold") == JobState::held);
  CHECK(code_of(desk.submit(desk.product(*desk.job("a", "register-data")))) == "job.not_approved");
  CHECK(decide(RecordKind::job_approved, "resume") == JobState::approved);
  CHECK(decide(RecordKind::job_denied, "deny") == JobState::denied);
  CHECK(decide(RecordKind::job_approved, "retry") == JobState::approved);
}

TEST_CASE("a network says all that it was trained on, and comes from a pooled training",
          "[coordinator]") {
  Desk desk;
  desk.run_to_training();
  const Job* training = desk.job("", "train-segmentation");
  desk.approve(training->id, "trainer");
  Record silent = desk.product(*training);
  REQUIRE(silent.inputs.size() == 3);
  silent.inputs.pop_back();  // then that site's test would not be asked for
  CHECK(code_of(desk.submit(silent)) == "model.inputs");
  CHECK(code_of(desk.submit(desk.product(*training))) == "ok");

  const Job* other = desk.job("a", "predict", 1, "held-out");
  REQUIRE(other != nullptr);
  desk.approve(other->id, "trainer");
  Record beside = desk.product(*other);
  beside.kind = RecordKind::model_produced;
  CHECK(code_of(desk.submit(beside)) != "ok");
}

TEST_CASE("a person's decision that changes nothing is refused, a process's is let be",
          "[coordinator]") {
  Desk desk;
  desk.open_study();
  const auto decide = [&](RecordKind kind, const std::string& who, const std::string& word) {
    const Job* job = desk.job("a", "register-data");
    Record record = desk.record(kind, who);
    record.study = job->study;
    record.job = job->id;
    record.inputs = {{"spec", "spec", job->spec_digest, std::nullopt}};
    record.reason = "because";
    if (!word.empty()) record.details.set("decision", word);
    return code_of(desk.submit(record));
  };
  CHECK(decide(RecordKind::job_denied, "admin-a", "deny") == "ok");
  CHECK(decide(RecordKind::job_denied, "admin-a", "deny") == "decide.moot");
  CHECK(decide(RecordKind::job_approved, "admin-a", "approve") == "decide.moot");
  CHECK(decide(RecordKind::job_approved, "admin-a", "resume") == "decide.moot");
  CHECK(decide(RecordKind::job_approved, "agent-a", "") == "ok");  // by policy, but too late
  CHECK(desk.job("a", "register-data")->state == JobState::denied);
  CHECK(decide(RecordKind::job_approved, "admin-a", "retry") == "ok");
  CHECK(decide(RecordKind::job_approved, "admin-a", "retry") == "decide.moot");
}

TEST_CASE("only a data steward lets something out of a site, and agrees to a network",
          "[coordinator]") {
  Desk desk;
  desk.open_study();
  desk.run_chain("a", "assess-privacy");
  desk.except_all("a");
  const Job* release = desk.job("a", "release");
  REQUIRE(release != nullptr);
  Record approved = desk.record(RecordKind::job_approved, "steward-a");
  approved.study = release->study;
  approved.job = release->id;
  approved.inputs = {{"spec", "spec", release->spec_digest, std::nullopt}};
  approved.details.set("decision", "approve");
  CHECK(code_of(desk.submit(approved)) == "job.person");  // an approval is no permit
  Record granted = desk.record(RecordKind::permit_granted, "admin-a");
  granted.study = desk.study().id();
  granted.subjects = {{"permit", digest_of("release by an administrator")}};
  granted.inputs = {
      {"manifest", "manifest", desk.study().site_dataset("a")->manifest, std::nullopt}};
  provenance::Permit permit;
  permit.recipient = "trainer";
  permit.recipient_key = desk.study().plan().trainer_seal_key;
  permit.purposes = {"training"};
  granted.details = provenance::to_details(permit);
  CHECK(code_of(desk.submit(granted)) == "permit.steward");
  CHECK(desk.job("a", "release")->state == JobState::offered);
  desk.permit_release("a");
  CHECK(desk.job("a", "release")->state == JobState::approved);

  Desk trained;
  trained.run_to_model();
  Record agreed = trained.record(RecordKind::model_approved, "admin-a");
  agreed.study = trained.study().id();
  agreed.subjects = {{"model", trained.study().newest_model()->digest}};
  CHECK(code_of(trained.submit(agreed)) == "permit.steward");
}

TEST_CASE("a site neither opens nor closes another site's gate, nor receives what it sends",
          "[coordinator]") {
  Desk desk;
  desk.open_study();
  desk.run_chain("a", "assess-privacy");
  const auto* dataset = desk.study().site_dataset("a");
  REQUIRE(dataset != nullptr);
  const auto not_passed = dataset->not_passed;
  REQUIRE_FALSE(not_passed.empty());
  Record report = desk.record(RecordKind::gate_reported, "agent-b");
  report.study = desk.study().id();
  report.job = desk.job("b", "register-data")->id;  // of its own, but none that reports
  report.subjects = {{"report", digest_of("a kinder report")}};
  report.inputs = {{"manifest", "manifest", dataset->manifest, std::nullopt}};
  CHECK(code_of(desk.submit(report)) == "gate.site");
  CHECK(desk.study().site_dataset("a")->not_passed == not_passed);
  Record receipt = desk.record(RecordKind::transfer_received, "agent-b");
  receipt.study = desk.study().id();
  receipt.subjects = {{"manifest", dataset->manifest}};
  CHECK(code_of(desk.submit(receipt)) == "transfer.receiver");
  CHECK_FALSE(desk.study().site_dataset("a")->received);
}
