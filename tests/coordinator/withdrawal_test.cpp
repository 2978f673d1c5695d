// A withdrawal in the coordinator's core: what stops, what is written, what follows.
#include <catch2/catch.hpp>

#include "desk.h"

using namespace cloister;
using namespace cloister::coordinator;
using namespace cloister::coordinator::testing;
using protocol::JobState;

namespace {

// Three sites whose quorum is two, with a model; evaluation has begun.
struct Modelled {
  Desk desk;
  Modelled() {
    auto plan = desk.plan();
    plan.quorum = 2;
    desk.must(desk.opening(plan));
    for (const std::string& site : desk.sites) release(site);
    train(1);
    model = desk.study().newest_model()->digest;
  }
  void release(const std::string& site) {
    desk.run_chain(site, "assess-privacy");
    desk.except_all(site);
    desk.permit_release(site);
    desk.upload(site);
    desk.must(desk.product(*desk.job(site, "release")));
    // With the second site the quorum is there; this test trains when all three are.
    const Job* early = desk.job("", "train-segmentation", 1);
    if (early != nullptr && desk.study().admitted().size() < 3) {
      desk.approve(early->id, "trainer");
      Record product = desk.product(*early);
      product.subjects = {{"model", digest_of("early model")}};
      desk.must(product);
    }
  }
  void train(std::uint32_t) {
    const Job* job = desk.job("", "train-segmentation", 2);
    REQUIRE(job != nullptr);
    desk.approve(job->id, "trainer");
    Record product = desk.product(*job);
    product.subjects = {{"model", digest_of("model of three")}};
    desk.must(product);
  }
  // As the ledger writes it: the withdrawal, then everything made from it.
  Digest withdraw(const std::string& site) {
    const StudyId study = desk.study().id();
    const Dataset& dataset = *desk.study().site_dataset(site);
    Record withdrawn = desk.record(RecordKind::consent_withdrawn, "steward-" + site);
    withdrawn.study = study;
    withdrawn.reason = "two patients asked for it";
    withdrawn.subjects = {{"dataset", desk.job(site, "register-data")->output("dataset")}};
    Record quarantine = desk.record(RecordKind::quarantine_set, "coordinator");
    quarantine.study = study;
    quarantine.subjects = withdrawn.subjects;
    quarantine.subjects.push_back({"manifest", dataset.manifest});
    for (const Shard& shard : dataset.shards)
      quarantine.subjects.push_back({"shard", shard.digest});
    for (const Model& one : desk.study().models()) {
      if (one.manifests.contains(dataset.manifest))
        quarantine.subjects.push_back({"model", one.digest});
    }
    const Digest leaf = digest_of("leaf " + std::to_string(desk.ledger.size()));
    desk.must_both(withdrawn, quarantine);
    return leaf;
  }
  [[nodiscard]] std::vector<const Record*> written(RecordKind kind) const {
    std::vector<const Record*> all;
    for (const Placed& placed : desk.ledger) {
      if (placed.record.kind == kind) all.push_back(&placed.record);
    }
    return all;
  }
  Digest model;
};

}  // namespace

TEST_CASE("a withdrawal stops every job that reads what was made from the data", "[coordinator]") {
  Modelled world;
  Desk& desk = world.desk;
  const Job* predict = desk.job("a", "predict", 2, "held-out");
  REQUIRE(predict != nullptr);
  REQUIRE_FALSE(predict->is_closed());
  const Digest leaf = world.withdraw("c");
  CHECK(desk.study().newest_model()->quarantined);
  CHECK(desk.job("a", "predict", 2, "held-out")->state == JobState::failed);
  for (const auto& [id, job] : desk.study().jobs()) {
    if (job.is_closed()) continue;
    for (const auto& input : job.inputs) CHECK_FALSE(desk.study().is_quarantined(input.digest));
  }
  // Nobody is told to take up again what would be refused.
  const auto words = waits_for(desk.study(), *desk.job("a", "predict", 2, "held-out"), {});
  CHECK(words.find("stopped for good") != std::string::npos);
  CHECK(words.find("retry") == std::string::npos);
  // The one whose data are gone is told so; the others wait for the next network.
  CHECK(words.find("the next network is made without") != std::string::npos);
  const auto site_words = [&](const std::string& site) {
    return site_waits_for(desk.study(), site, {}, desk.now);
  };
  CHECK(site_words("c").find("c takes part with new data once") != std::string::npos);
  CHECK(site_words("a") == "predict: waits for trainer to do it");  // of the first network
  const auto impact = world.written(RecordKind::impact_assessed);
  REQUIRE(impact.size() == 1);
  CHECK(provenance::digest_at(impact[0]->details, "withdrawal").value() == leaf);
  CHECK(impact[0]->details.find("models")->items()->size() == 1);
  CHECK_FALSE(impact[0]->details.find("jobs_stopped")->items()->empty());
}

TEST_CASE("the model is trained again without what was withdrawn, and the ledger says so once",
          "[coordinator]") {
  Modelled world;
  Desk& desk = world.desk;
  world.withdraw("c");
  CHECK(desk.study().phase() == "training");
  const Job* again = desk.job("", "train-segmentation", 3);
  REQUIRE(again != nullptr);
  CHECK(again->inputs.size() == 2);
  CHECK(world.written(RecordKind::retrain_completed).empty());
  desk.approve(again->id, "trainer");
  Record product = desk.product(*again);
  product.subjects = {{"model", digest_of("model of two")}};
  desk.must(product);
  REQUIRE(world.written(RecordKind::retrain_completed).size() == 1);
  CHECK(desk.study().withdrawals()[0].retrained == digest_of("model of two"));
  desk.event(LedgerSynced{desk.ledger.size()});
  CHECK(world.written(RecordKind::retrain_completed).size() == 1);
  CHECK(desk.job("a", "predict", 3, "held-out") != nullptr);
}

TEST_CASE("a training under way is stopped by a withdrawal, and the next has a number of its own",
          "[coordinator]") {
  Desk desk;
  auto plan = desk.plan();
  plan.quorum = 3;
  desk.must(desk.opening(plan));
  for (const std::string& site : desk.sites) {
    desk.run_chain(site, "assess-privacy");
    desk.except_all(site);
    desk.permit_release(site);
    desk.upload(site);
    desk.must(desk.product(*desk.job(site, "release")));
  }
  REQUIRE(desk.job("", "train-segmentation", 1)->may_run());
  Record withdrawn = desk.record(RecordKind::consent_withdrawn, "steward-b");
  withdrawn.study = plan.study;
  withdrawn.reason = "the board changed its mind";
  withdrawn.subjects = {{"manifest", desk.study().site_dataset("b")->manifest}};
  Record quarantine = desk.record(RecordKind::quarantine_set, "coordinator");
  quarantine.study = plan.study;
  quarantine.subjects = withdrawn.subjects;
  desk.must_both(withdrawn, quarantine);
  CHECK(desk.job("", "train-segmentation", 1)->state == JobState::failed);
  CHECK(desk.job("", "train-segmentation", 2) == nullptr);  // two sites are below the quorum
  CHECK(site_waits_for(desk.study(), "b", desk.core.facts(), desk.now) ==
        "its data were withdrawn, nothing new is made from them: b takes part with new data once "
        "owner amends the plan (`cloister study amend`)");
}

TEST_CASE("the key wraps of withdrawn shards are destroyed before the ledger says that they are",
          "[coordinator]") {
  Modelled world;
  Desk& desk = world.desk;
  const Digest shard = desk.study().site_dataset("c")->shards.front().digest;
  REQUIRE(desk.core.facts().has_any_wrap(shard));
  world.withdraw("c");
  CHECK_FALSE(desk.core.facts().has_any_wrap(shard));
  CHECK(desk.core.facts().has_any_wrap(desk.study().site_dataset("a")->shards.front().digest));
  REQUIRE(desk.erased.size() == 1);
  CHECK(desk.erased[0].blobs.size() == 4);
  REQUIRE(world.written(RecordKind::erase_executed).size() == 1);
  CHECK(world.written(RecordKind::erase_executed)[0]->subjects.size() == 4);
  const auto reply = desk.ask("trainer", protocol::GetWraps{{shard}});
  CHECK(std::get<protocol::Refused>(reply).error.code == "blob.forbidden");
}

TEST_CASE("members confirm, and only the owner may do without a retrain", "[coordinator]") {
  Modelled world;
  Desk& desk = world.desk;
  const Digest leaf = world.withdraw("c");
  const auto about = [&](const std::string& member) {
    Record record = desk.record(RecordKind::impact_assessed, member);
    record.study = desk.study().id();
    record.subjects = {{"confirmation", digest_of("confirmation " + member)}};
    return record;
  };
  for (const char* member : {"agent-a", "trainer"}) {
    Record confirmed = about(member);
    confirmed.details.set("confirms", leaf);
    desk.must(confirmed);
  }
  const auto told = desk.ask("owner", protocol::Ask{"study", "heart"});
  const auto json = provenance::parse_json(std::get<protocol::Told>(told).json).value();
  const auto& one = json.find("withdrawals")->items()->at(0);
  CHECK(one.find("confirmed")->items()->size() == 2);
  CHECK(one.find("not_confirmed")->items()->size() == 2);
  CHECK(*one.find("needs_retrain")->boolean());

  Record stranger = about("agent-a");
  stranger.details.set("confirms", digest_of("no withdrawal"));
  CHECK(desk.submit(stranger).error().code == "withdrawal.unknown");
  Record decision = about("steward-c");
  decision.details.set("withdrawal", leaf).set("decision", "no-retrain");
  decision.reason = "we do not need it";
  CHECK(desk.submit(decision).error().code == "withdrawal.decision");
  decision.actor.id = MemberId::trusted("owner");
  decision.reason.clear();
  CHECK(desk.submit(decision).error().code == "withdrawal.decision");
  decision.reason = "two sites are too few";
  desk.must(decision);
  CHECK(desk.study().withdrawals()[0].exception == "two sites are too few");
  Record own = about("agent-a");
  own.kind = RecordKind::retrain_completed;
  own.details.set("withdrawal", leaf).set("model", world.model);
  CHECK(desk.submit(own).error().code == "withdrawal.own");
}

TEST_CASE("the words of a withdrawal may go once every member has confirmed it", "[coordinator]") {
  Modelled world;
  Desk& desk = world.desk;
  const Digest leaf = world.withdraw("c");
  const auto erasure = [&](const Digest& record, std::string_view kind) {
    Record erased = desk.record(RecordKind::erase_executed, "steward-c");
    erased.study = desk.study().id();
    erased.subjects = {{"record", record}};
    erased.details.set("what", "words").set("kind", kind);
    erased.details.set("payload", digest_of("payload")).set("remains", digest_of("remains"));
    return erased;
  };
  const auto confirm = [&](const std::string& member) {
    Record record = desk.record(RecordKind::impact_assessed, member);
    record.study = desk.study().id();
    record.subjects = {{"confirmation", digest_of("confirmation " + member)}};
    record.details.set("confirms", leaf);
    desk.must(record);
  };
  for (const char* member : {"agent-a", "agent-b", "trainer"}) confirm(member);
  CHECK(desk.submit(erasure(leaf, "consent.withdrawn")).error().code == "erasure.in_use");
  CHECK(desk.submit(erasure(digest_of("permit"), "permit.granted")).error().code ==
        "erasure.in_use");
  confirm("agent-c");
  CHECK(desk.submit(erasure(leaf, "consent.withdrawn")).has_value());
  CHECK(desk.submit(erasure(digest_of("denial"), "job.denied")).has_value());
  Record closed = desk.record(RecordKind::study_closed, "owner");
  closed.study = desk.study().id();
  closed.subjects = {{"plan", desk.study().plan_digest()}};
  desk.must(closed);
  CHECK(desk.submit(erasure(digest_of("permit"), "permit.granted")).has_value());
}

TEST_CASE("a replay gives the same withdrawals and asks for nothing twice", "[coordinator]") {
  Modelled world;
  world.withdraw("c");
  Desk& desk = world.desk;
  Coordinator again(desk.core.facts());
  (void)again.on(RecordsPlaced{desk.ledger}, desk.now);
  for (const Action& action : again.on(LedgerSynced{desk.ledger.size()}, desk.now)) {
    CHECK_FALSE(std::holds_alternative<Append>(action));
    CHECK_FALSE(std::holds_alternative<EraseWraps>(action));
  }
  const auto& known = again.studies().begin()->second.withdrawals();
  REQUIRE(known.size() == 1);
  CHECK(known[0].quarantined == desk.study().withdrawals()[0].quarantined);
  CHECK(known[0].is_erased);
}
