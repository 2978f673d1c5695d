// What the trainer does with jobs, witnesses and withdrawals.
#include "world.h"

using namespace cloister;
using namespace cloister::trainer::testing;

TEST_CASE("admitted shards are fetched, trained on, recorded and wiped", "[trainer]") {
  World world;
  world.run();
  CHECK(world.downloaded.size() == 2);
  CHECK(world.runs == 1);
  REQUIRE(world.orders[0].inputs.size() == 2);
  CHECK(world.orders[0].inputs[0].name == "shards/site-a/000001.safetensors");
  const auto parameters = [](const World& of) {
    return provenance::to_jcs(*provenance::parse_json(of.orders[0].order_json)->find("parameters"));
  };
  CHECK(parameters(world) == R"({"shards":2,"sites":["site-a"]})");
  CHECK(world.ledger.count(RecordKind::train_started) == 1);
  CHECK(world.ledger.count(RecordKind::train_completed) == 1);
  REQUIRE(world.ledger.count(RecordKind::model_produced) == 1);
  CHECK(world.ledger.records.back().subjects[0].digest == digest_of("network"));
  CHECK(world.discarded.size() == 2);
}

TEST_CASE("a trainer of several ranks has its worker split for training", "[trainer]") {
  for (const std::string kind : {"train-segmentation", "predict"}) {
    World world;
    world.ranks = 3;
    world.kind = kind;
    world.start();
    world.run();
    const bool splits =
        world.orders[0].order_json.find(R"("loopback":true,"ranks":3)") != std::string::npos;
    CHECK(splits == (kind == "train-segmentation"));
  }
}

TEST_CASE("predictions are sealed to the site's certified agent, in the order of the shards",
          "[trainer]") {
  World world;
  world.kind = "predict";
  world.start();
  world.run();
  REQUIRE(world.orders.size() == 1);
  CHECK(world.orders[0].warm);
  CHECK(world.orders[0].keep[0].seal_key == world.all.person("agent-a").keys.seal.public_key());
  CHECK(world.uploaded.size() == 2);
  REQUIRE(world.wraps.size() == 1);
  CHECK(world.wraps[0].recipient.text() == "agent-a");
  REQUIRE(world.ledger.count(RecordKind::prediction_batch) == 1);
  const auto& replies = *world.ledger.records.back().details.find("replies")->items();
  REQUIRE(replies.size() == 2);
  CHECK(provenance::digest_at(replies[0], "shard").value() == digest_of("shard 1"));
}

TEST_CASE("a kill at any step trains no more than twice and records once", "[trainer]") {
  for (int kill_at = 0; kill_at < 40; ++kill_at) {
    World world;
    for (int i = 0; i < kill_at; ++i) (void)world.step();
    world.start();
    world.run();
    INFO("killed after " << kill_at << " steps");
    REQUIRE(world.ledger.count(RecordKind::model_produced) == 1);
    REQUIRE(world.ledger.count(RecordKind::train_completed) == 1);
    REQUIRE(world.ledger.count(RecordKind::train_started) == 1);
    REQUIRE(world.runs <= 2);
  }
}

TEST_CASE("what the site did not sign, release or keep is not opened", "[trainer]") {
  const auto refused = [](World& world) {
    world.run();
    const bool failed = world.ledger.count(RecordKind::job_failed) == 1;
    return failed && world.orders.empty() && world.downloaded.empty()
               ? provenance::text_or_empty(world.ledger.records.back().details, "code")
               : std::string("opened");
  };
  World other_shard;
  other_shard.encoded.manifest.set(
      "shards", Json::array().push(Json()
                                       .set("number", 9)
                                       .set("purpose", "training")
                                       .set("sealed_sha256", digest_of("planted"))
                                       .set("sealed_bytes", 1)));
  CHECK(refused(other_shard) == "dataset.not_signed");

  World other_site;  // signed by another site's agent
  other_site.encoded = other_site.encode("agent-b", "steward-a");
  CHECK(refused(other_site) == "dataset.not_signed");

  World other_steward;
  other_steward.encoded = other_steward.encode("agent-a", "steward-b");
  CHECK(refused(other_steward) == "dataset.not_permitted");

  World withdrawn;
  provenance::Record quarantine;
  quarantine.kind = RecordKind::quarantine_set;
  quarantine.study = withdrawn.plan.study;
  quarantine.subjects.push_back({"manifest", withdrawn.encoded.digest});
  withdrawn.study.more.push_back(withdrawn.all.sign("coordinator", quarantine, withdrawn.now));
  CHECK(refused(withdrawn) == "dataset.quarantined");

  World no_permit;  // shards of the study's own, offered as if they were a request on demand
  no_permit.kind = "predict";
  no_permit.on_demand = true;
  no_permit.start();
  CHECK(refused(no_permit) == "dataset.not_permitted");

  World one_record_twice;  // the coordinator answers the question for the permit with the dataset
  one_record_twice.encoded.permit_at = one_record_twice.encoded.encoded_at;
  CHECK(refused(one_record_twice) == "dataset.not_permitted");

  World other_plan;
  auto plan = other_plan.plan;
  plan.seed = 7;
  other_plan.study = other_plan.all.study(plan);
  CHECK(refused(other_plan) == "job.spec");
}

TEST_CASE("replies are sealed to no key but the certified one", "[trainer]") {
  World world;
  world.kind = "predict";
  world.reply_seal = std::string(64, 'a');
  world.start();
  world.run();
  CHECK(world.uploaded.empty());
  CHECK(world.ledger.count(RecordKind::prediction_batch) == 0);
  CHECK(provenance::text_or_empty(world.ledger.records.back().details, "code") == "reply.reader");
}

TEST_CASE("a release is acted upon only when a quorum of sites cosigned the ledger that holds it",
          "[trainer]") {
  World world;
  world.plan.quorum = 2;
  world.study = world.all.study(world.plan);
  world.run();
  CHECK(world.runs == 0);
  CHECK(world.downloaded.empty());
  CHECK(world.ledger.count(RecordKind::job_failed) == 0);  // it waits
  const std::size_t asked = world.questions;
  CHECK(asked > 10);

  world.cosigners = {"agent-a", "steward-b", "trainer"};  // no second site's agent
  world.run();
  CHECK(world.runs == 0);
  world.cosigners = {"agent-b", "agent-a"};
  world.run();
  CHECK(world.runs == 1);
  CHECK(world.ledger.count(RecordKind::model_produced) == 1);
}

TEST_CASE("what was vouched for once is not asked for again, not even after a restart",
          "[trainer]") {
  World world;
  while (world.downloaded.empty()) REQUIRE(world.step());
  const std::size_t asked = world.questions;
  CHECK(asked == 1);
  world.cosigners.clear();
  world.start();
  world.run();
  CHECK(world.questions == asked);
  CHECK(world.ledger.count(RecordKind::model_produced) == 1);
}

TEST_CASE("a release that waits for its quorum ends with a withdrawal at once", "[trainer]") {
  World world;
  world.cosigners.clear();
  world.run();
  REQUIRE(world.runs == 0);
  provenance::Record quarantine;
  quarantine.kind = RecordKind::quarantine_set;
  quarantine.study = world.plan.study;
  quarantine.subjects.push_back({"manifest", world.encoded.digest});
  world.study.more.push_back(world.all.sign("coordinator", quarantine, world.now));
  world.run();
  CHECK(world.runs == 0);
  REQUIRE(world.ledger.count(RecordKind::job_failed) == 1);
  CHECK(provenance::text_or_empty(world.ledger.records.back().details, "code") ==
        "dataset.quarantined");
}

namespace {

// site-a takes its dataset back, as the study's later records say it.
Digest withdraw(World& world) {
  provenance::Record taken;
  taken.kind = RecordKind::consent_withdrawn;
  taken.study = world.plan.study;
  taken.subjects.push_back({"dataset", digest_of("dataset of site-a")});
  provenance::Record quarantine = taken;
  quarantine.kind = RecordKind::quarantine_set;
  quarantine.subjects.push_back({"manifest", world.encoded.digest});
  quarantine.subjects.push_back({"shard", digest_of("shard 1")});
  const Bytes envelope = world.all.sign("steward-a", taken, world.now);
  world.study.more.push_back(envelope);
  world.study.more.push_back(world.all.sign("coordinator", quarantine, world.now));
  return provenance::record_hash(provenance::parse_envelope(as_text(envelope)).value(),
                                 world.all.person("steward-a").keys.sign.public_key())
      .value();
}

}  // namespace

TEST_CASE("a withdrawal is confirmed once, when nothing reads the data any more", "[trainer]") {
  World world;
  world.run();
  REQUIRE(world.ledger.count(RecordKind::model_produced) == 1);
  world.discarded.clear();
  const Digest leaf = withdraw(world);
  world.run();
  REQUIRE(world.ledger.count(RecordKind::impact_assessed) == 1);
  CHECK(provenance::digest_at(world.ledger.records.back().details, "confirms").value() == leaf);
  CHECK(world.discarded.contains(digest_of("shard 1")));
  world.start();
  world.run();
  CHECK(world.ledger.count(RecordKind::impact_assessed) == 1);
}

TEST_CASE("a training whose data were withdrawn fails before the withdrawal is confirmed",
          "[trainer]") {
  World world;
  withdraw(world);
  world.run();
  CHECK(world.runs == 0);
  REQUIRE(world.ledger.count(RecordKind::job_failed) == 1);
  REQUIRE(world.ledger.count(RecordKind::impact_assessed) == 1);
  CHECK(world.ledger.records.back().kind == RecordKind::impact_assessed);
}
