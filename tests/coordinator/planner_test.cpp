#include <catch2/catch.hpp>

#include "desk.h"

using namespace cloister;
using namespace cloister::coordinator;
using namespace cloister::coordinator::testing;
using protocol::JobState;

TEST_CASE("a site's jobs are offered one after the other, each once", "[coordinator]") {
  Desk desk;
  desk.open_study();
  CHECK(desk.study().jobs().size() == 3);
  desk.run_chain("a", "train-image-encoder");
  CHECK(desk.job("a", "train-mask-encoder") != nullptr);
  CHECK(desk.job("a", "encode") == nullptr);
  const auto size = desk.ledger.size();
  desk.event(LedgerSynced{size});
  desk.event(Ticked{});
  CHECK(desk.ledger.size() == size);
}

TEST_CASE("a study runs from its plan to a released model and a prediction", "[coordinator]") {
  Desk desk;
  desk.run_to_model();
  const Job* predict = desk.job("a", "predict", 1, "held-out");
  REQUIRE(predict != nullptr);
  CHECK(desk.job("a", "tune-mask-decoder") == nullptr);
  for (const std::string& site : desk.sites) {
    const Job* job = desk.job(site, "predict", 1, "held-out");
    desk.approve(job->id, "trainer");
    desk.upload_replies(*job);
    desk.must(desk.product(*job));
    for (const char* kind : {"tune-mask-decoder", "evaluate"}) {
      const Job* next = desk.job(site, kind);
      REQUIRE(next != nullptr);
      desk.approve(next->id, "agent-" + site);
      desk.must(desk.product(*next));
    }
  }
  CHECK(desk.study().newest_model()->evaluations.size() == 3);
  CHECK(desk.study().newest_model()->untested.empty());
  CHECK(site_waits_for(desk.study(), "a", desk.core.facts(), desk.now) ==
        "waits for a data steward of a to approve model 1");
}

TEST_CASE("the spec of the pooled training holds the manifests with training shards only",
          "[coordinator]") {
  Desk desk;
  desk.run_to_model();
  const Job* training = desk.job("", "train-segmentation");
  CHECK(training->inputs.size() == 3);
  const auto spec = provenance::parse_json(training->spec_json).value();
  const auto& datasets = *spec.find("datasets")->items();
  REQUIRE(datasets.size() == 3);
  CHECK(provenance::text_or_empty(datasets[0], "site") == "a");
  const auto& shards = *datasets[0].find("content")->find("shards")->items();
  CHECK(shards.size() == 2);
  CHECK(provenance::text_or_empty(shards[0], "purpose") == "training");
}

TEST_CASE("pooled training waits for the quorum, and a late site makes the next version",
          "[coordinator]") {
  Desk desk;
  auto plan = desk.plan();
  plan.quorum = 2;
  desk.must(desk.opening(plan));
  desk.finish_site("a");
  CHECK(desk.job("", "train-segmentation") == nullptr);
  desk.finish_site("b");
  const Job* first = desk.job("", "train-segmentation", 1);
  REQUIRE(first != nullptr);
  CHECK(first->inputs.size() == 2);
  desk.finish_site("c");
  CHECK(desk.job("", "train-segmentation", 2) == nullptr);  // the first is still running
  desk.approve(first->id, "trainer");
  desk.must(desk.product(*first));
  const Job* second = desk.job("", "train-segmentation", 2);
  REQUIRE(second != nullptr);
  CHECK(second->inputs.size() == 3);
  // The first network has no place for the late site.
  CHECK(desk.job("a", "predict", 1, "held-out") != nullptr);
  CHECK(desk.job("c", "predict", 1, "held-out") == nullptr);
  CHECK(site_waits_for(desk.study(), "c", desk.core.facts(), desk.now) ==
        "waits for the pooled training, which waits for trainer to do it");
}

TEST_CASE("a site that denies stops its own part only", "[coordinator]") {
  Desk desk;
  auto plan = desk.plan();
  plan.quorum = 2;
  desk.must(desk.opening(plan));
  Record denied = desk.record(RecordKind::job_denied, "admin-c");
  denied.study = plan.study;
  denied.job = desk.job("c", "register-data")->id;
  denied.reason = "our ethics board did not agree";
  desk.must(denied);
  for (const std::string site : {"a", "b"}) desk.finish_site(site);
  CHECK(desk.job("", "train-segmentation") != nullptr);
  CHECK(desk.job("c", "train-image-encoder") == nullptr);
  CHECK(site_waits_for(desk.study(), "c", desk.core.facts(), desk.now) ==
        "register-data: denied (our ethics board did not agree): c may take it back with retry");
}

TEST_CASE("a prediction on demand needs a released model, a standing permit and its bytes",
          "[coordinator]") {
  Desk desk;
  desk.run_to_model();
  Record request = desk.manifest_record("a", "prediction");
  const Digest manifest = request.subjects.front().digest;
  desk.must(request);
  const std::string part = to_hex(manifest).substr(0, 16);
  const Digest shard = desk.study().dataset(manifest)->shards.front().digest;
  const auto open = protocol::BlobOpen{shard, 1000, {}};
  CHECK(std::get<protocol::Refused>(desk.ask("agent-a", open)).error.code == "blob.not_released");

  provenance::Permit permit;
  permit.type = provenance::Permit::Type::standing;
  permit.recipient = "trainer";
  permit.purposes = {"prediction"};
  Record standing = desk.record(RecordKind::permit_granted, "steward-a");
  standing.study = desk.study().id();
  standing.details = provenance::to_details(permit);
  desk.must(standing);
  const auto opened = desk.request("agent-a", open);
  REQUIRE(opened.size() == 1);
  CHECK(std::holds_alternative<OpenBlob>(opened.front()));
  desk.event(BlobCompleted{shard});
  desk.event(WrapsStored{MemberId::trusted("trainer"), {shard}});
  CHECK(desk.job("a", "predict", 1, part) == nullptr);  // the model is not released

  Record approved = desk.record(RecordKind::model_approved, "steward-b");
  approved.study = desk.study().id();
  approved.subjects = {{"model", desk.study().newest_model()->digest}};
  desk.must(approved);
  approved.kind = RecordKind::model_released;
  approved.actor.id = MemberId::trusted("owner");
  desk.must(approved);
  const Job* predict = desk.job("a", "predict", 1, part);
  REQUIRE(predict != nullptr);
  CHECK(predict->assignee.text() == "trainer");
}

TEST_CASE("replaying the ledger gives the same state, and asks for nothing twice",
          "[coordinator]") {
  Desk desk;
  desk.run_to_model();
  Coordinator again(desk.core.facts());
  (void)again.on(RecordsPlaced{desk.ledger}, desk.now);
  const Actions actions = again.on(LedgerSynced{desk.ledger.size()}, desk.now);
  for (const Action& action : actions) CHECK_FALSE(std::holds_alternative<Append>(action));
  for (const auto& [id, job] : desk.study().jobs()) {
    const Job* other = again.studies().begin()->second.job(id);
    REQUIRE(other != nullptr);
    CHECK(other->state == job.state);
    CHECK(other->spec_digest == job.spec_digest);
    CHECK(other->outputs == job.outputs);
  }
  for (const char* member : {"agent-a", "trainer", "owner", "auditor"})
    CHECK(again.work_version(MemberId::trusted(member)) ==
          desk.core.work_version(MemberId::trusted(member)));
}

TEST_CASE("a withdrawn dataset is not trained on again", "[coordinator]") {
  Desk desk;
  auto plan = desk.plan();
  plan.quorum = 2;
  desk.must(desk.opening(plan));
  for (const std::string& site : desk.sites) desk.finish_site(site);
  Record quarantine = desk.record(RecordKind::quarantine_set, "coordinator");
  quarantine.study = plan.study;
  quarantine.subjects = {{"manifest", desk.study().site_dataset("b")->manifest}};
  desk.must(quarantine);
  const Digest shard = desk.study().site_dataset("b")->shards.front().digest;
  const auto reply = desk.ask("trainer", protocol::BlobGet{shard, 0, 100});
  CHECK(std::get<protocol::Refused>(reply).error.code == "blob.forbidden");
}

TEST_CASE("after its deadline a study offers no new job, says so, and goes on once it is amended",
          "[coordinator]") {
  Desk desk;
  auto plan = desk.plan();
  plan.deadline = to_rfc3339(desk.now).substr(0, 10);
  desk.must(desk.opening(plan));
  desk.run_chain("a", "register-data");
  REQUIRE(desk.job("a", "train-image-encoder") != nullptr);
  desk.now = *protocol::offers_end(plan);
  // What was offered in time may be finished; nothing follows it.
  const Job* offered = desk.job("a", "train-image-encoder");
  desk.approve(offered->id, "agent-a");
  desk.must(desk.product(*offered));
  CHECK(desk.job("a", "train-image-encoder")->state == JobState::done);
  CHECK(desk.job("a", "train-mask-encoder") == nullptr);
  const std::string over = "the study's deadline (" + plan.deadline +
                           ") is over: nothing new is encoded or trained; owner may amend the plan "
                           "with a later one, or close the study";
  CHECK(site_waits_for(desk.study(), "a", desk.core.facts(), desk.now) == "nothing: " + over);
  const std::string open = site_waits_for(desk.study(), "b", desk.core.facts(), desk.now);
  CHECK(open.starts_with("register-data: waits for approval"));
  CHECK(open.ends_with("nothing follows it: " + over));
  plan.version = 2;
  plan.deadline = to_rfc3339(desk.now).substr(0, 10);
  desk.must(desk.opening(plan));
  REQUIRE(desk.job("a", "register-data", 2) != nullptr);
}

TEST_CASE("a released network predicts on demand after the study's deadline", "[coordinator]") {
  Desk desk;
  auto plan = desk.plan();
  plan.deadline = to_rfc3339(desk.now).substr(0, 10);
  desk.must(desk.opening(plan));
  for (const std::string& site : desk.sites) desk.finish_site(site);
  desk.approve(desk.job("", "train-segmentation")->id, "trainer");
  desk.must(desk.product(*desk.job("", "train-segmentation")));
  const auto about_model = [&](RecordKind kind, const std::string& member) {
    Record record = desk.record(kind, member);
    record.study = plan.study;
    record.subjects = {{"model", desk.study().newest_model()->digest}};
    return record;
  };
  provenance::Permit permit;
  permit.type = provenance::Permit::Type::standing;
  permit.recipient = "trainer";
  permit.recipient_key = plan.trainer_seal_key;
  permit.purposes = {"prediction"};
  Record standing = desk.record(RecordKind::permit_granted, "steward-a");
  standing.study = plan.study;
  standing.subjects = {{"permit", digest_of("standing")}};
  standing.details = provenance::to_details(permit);
  desk.must(standing);
  for (const auto& [id, job] : std::map(desk.study().jobs())) {
    if (job.kind != "predict") continue;
    desk.upload_replies(job);
    desk.must(desk.product(job));
  }
  for (const std::string& site : desk.sites)
    desk.must(about_model(RecordKind::model_approved, "steward-" + site));
  desk.must(about_model(RecordKind::model_released, "owner"));
  desk.now = *protocol::offers_end(plan);
  Record request = desk.manifest_record("a", "prediction");
  const Digest shard = request.subjects.back().digest;
  desk.must(std::move(request));
  desk.event(BlobCompleted{shard});
  desk.event(WrapsStored{MemberId::trusted("trainer"), {shard}});
  const auto& jobs = desk.study().jobs();
  CHECK(std::count_if(jobs.begin(), jobs.end(), [](const auto& entry) {
          return entry.second.kind == "predict" && entry.second.part != "held-out";
        }) == 1);
}

TEST_CASE("a deadline stops the pooled training too, but not the admission of what is on its way",
          "[coordinator]") {
  Desk desk;
  auto plan = desk.plan();
  plan.quorum = 1;
  plan.deadline = to_rfc3339(desk.now).substr(0, 10);
  desk.must(desk.opening(plan));
  desk.run_chain("a", "assess-privacy");
  desk.except_all("a");
  desk.now = *protocol::offers_end(plan);
  desk.permit_release("a");
  desk.upload("a");
  desk.must(desk.product(*desk.job("a", "release")));
  CHECK(desk.study().admitted().size() == 1);
  CHECK(desk.job("", "train-segmentation") == nullptr);
  CHECK(site_waits_for(desk.study(), "a", desk.core.facts(), desk.now)
            .starts_with("nothing: the study's deadline"));
}

TEST_CASE("a network that is trained is judged after the deadline, up to its release",
          "[coordinator]") {
  Desk desk;
  auto plan = desk.plan();
  plan.deadline = to_rfc3339(desk.now).substr(0, 10);
  plan.quorum = 2;
  desk.must(desk.opening(plan));
  for (const std::string site : {"a", "b"}) desk.finish_site(site);
  const Job* training = desk.job("", "train-segmentation");
  REQUIRE(training != nullptr);
  desk.run_chain("c", "assess-privacy");
  desk.except_all("c");
  desk.now = *protocol::offers_end(plan);
  desk.approve(training->id, "trainer");
  desk.must(desk.product(*training));
  for (const std::string site : {"a", "b"}) {
    const Job* predict = desk.job(site, "predict", 1, "held-out");
    REQUIRE(predict != nullptr);
    desk.upload_replies(*predict);
    desk.must(desk.product(*predict));
    for (const char* kind : {"tune-mask-decoder", "evaluate"}) {
      const Job* next = desk.job(site, kind);
      REQUIRE(next != nullptr);
      CHECK(site_waits_for(desk.study(), site, desk.core.facts(), desk.now)
                .ends_with("waits for approval by the policy or a person of " + site));
      desk.approve(next->id, "agent-" + site);
      desk.must(desk.product(*next));
    }
  }
  const auto waits = [&](const std::string& site) {
    return site_waits_for(desk.study(), site, desk.core.facts(), desk.now);
  };
  CHECK(waits("a") == "waits for a data steward of a to approve model 1");
  // Who comes too late may still hand in what was offered; no network is trained on it.
  desk.permit_release("c");
  desk.upload("c");
  desk.must(desk.product(*desk.job("c", "release")));
  CHECK(desk.study().admitted().size() == 3);
  CHECK(desk.job("", "train-segmentation", 2) == nullptr);
  CHECK(waits("c").starts_with("nothing: the study's deadline"));
  for (const std::string person : {"steward-a", "steward-b", "owner"}) {
    Record record = desk.record(
        person == "owner" ? RecordKind::model_released : RecordKind::model_approved, person);
    record.study = plan.study;
    record.subjects = {{"model", desk.study().newest_model()->digest}};
    desk.must(record);
  }
  CHECK(desk.study().phase() == "released");
  CHECK(waits("a") == "done: the model is released");
}

TEST_CASE("whoever has to move before a network can be released is named", "[coordinator]") {
  Desk desk;
  desk.run_to_model();
  const auto waits = [&](const std::string& site) {
    return site_waits_for(desk.study(), site, desk.core.facts(), desk.now);
  };
  const auto evaluate = [&](const std::string& site, bool is_tested) {
    const Job* predict = desk.job(site, "predict", 1, "held-out");
    desk.upload_replies(*predict);
    desk.must(desk.product(*predict));
    for (const char* kind : {"tune-mask-decoder", "evaluate"}) {
      const Job* next = desk.job(site, kind);
      desk.approve(next->id, "agent-" + site);
      Record made = desk.product(*next);
      if (!is_tested) made.details.set("membership", Json::array());
      desk.must(made);
    }
  };
  const auto approve = [&](const std::string& steward) {
    Record approved = desk.record(RecordKind::model_approved, steward);
    approved.study = desk.study().id();
    approved.subjects = {{"model", desk.study().newest_model()->digest}};
    desk.must(approved);
  };
  evaluate("a", true);
  evaluate("b", true);
  for (const char* steward : {"steward-a", "steward-b", "steward-c"}) approve(steward);
  CHECK(waits("a") == "waits for c to evaluate model 1");
  evaluate("c", false);
  const std::string stuck = waits("a");
  CHECK(stuck == waits("c"));
  CHECK(stuck.starts_with("model 1 cannot be released: the evaluation of c holds no membership"));
  CHECK(stuck.find("owner may let that site mend its data, or leave it out") != std::string::npos);
}
