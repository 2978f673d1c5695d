// Which networks are served on demand, and on whose word.
#include "world.h"

using namespace cloister;
using namespace cloister::trainer::testing;

namespace {

// A site's test of the network, in the ledger.
void test_network(World& world, const std::string& verdict, const std::string& site = "a",
                  const std::string& signer = "agent-") {
  provenance::Record record;
  record.kind = RecordKind::model_evaluated;
  record.study = world.plan.study;
  record.inputs.push_back({"model", "model", digest_of("network"), std::nullopt});
  record.subjects.push_back({"evaluation", digest_of("evaluation " + site)});
  Json tests = Json::array();
  for (const char* name : {"membership-auc", "membership-tpr"})
    tests.push(Json().set("name", name).set("value", 0.5).set("verdict", verdict));
  record.details.set("membership", std::move(tests));
  world.evidence.push_back(world.put(world.all.sign(signer + site, record, world.now)));
}

// A steward's exception for what the tests above say.
void except_network(World& world, const std::string& signer) {
  provenance::Record record;
  record.kind = RecordKind::permit_granted;
  record.study = world.plan.study;
  record.inputs.push_back({"model", "model", digest_of("network"), std::nullopt});
  record.subjects.push_back({"permit", digest_of("exception " + signer)});
  provenance::Permit permit;
  permit.type = provenance::Permit::Type::exception;
  for (const char* name : {"membership-auc", "membership-tpr"})
    permit.indicators.push_back({name, 0.5, 0, {}, false});
  record.details = provenance::to_details(permit);
  world.evidence.push_back(world.put(world.all.sign(signer, record, world.now)));
}

std::string serve(World& world, const std::string& reason) {
  provenance::Record release;
  release.kind = RecordKind::model_released;
  release.study = world.plan.study;
  release.reason = reason;
  release.subjects.push_back({"model", digest_of("network")});
  const Bytes envelope = world.all.sign("owner", release, world.now);
  world.put(envelope);
  world.study.more.push_back(envelope);
  world.start();
  world.run();
  return world.ledger.count(RecordKind::prediction_batch) == 1
             ? std::string("served")
             : provenance::text_or_empty(world.ledger.records.back().details, "code");
}

// Asked for one prediction on demand.
struct OnDemand : World {
  OnDemand() {
    kind = "predict";
    on_demand = true;
    encoded = encode("agent-a", "steward-a");
  }
};

}  // namespace

TEST_CASE("a released network is served only if its sites tested it and none was failed",
          "[trainer]") {
  const auto tested_at = [](const std::vector<std::string>& sites, const std::string& verdict) {
    OnDemand world;
    for (const std::string& site : sites) test_network(world, verdict, site);
    return serve(world, "");
  };
  CHECK(tested_at({}, "pass") == "release.not_evaluated");
  CHECK(tested_at({"a"}, "pass") == "release.not_evaluated");  // nobody remembers who trained it
  CHECK(tested_at({"a", "b"}, "fail") == "release.failed");
  CHECK(tested_at({"a", "b"}, "warn") == "release.reason");
  CHECK(tested_at({"a", "b"}, "pass") == "served");
}

TEST_CASE("a site's steward, and nobody else, answers for what its test found", "[trainer]") {
  const auto excepted_by = [](const std::string& signer) {
    OnDemand world;
    test_network(world, "fail", "a");
    test_network(world, "pass", "b");
    except_network(world, signer);
    return serve(world, "the owner's reason is not enough");
  };
  CHECK(excepted_by("steward-a") == "served");
  CHECK(excepted_by("steward-b") == "release.failed");
  CHECK(excepted_by("agent-a") == "release.failed");
  OnDemand world;  // a steward measures nothing, and what it signs counts for nothing
  test_network(world, "pass", "a", "steward-");
  test_network(world, "pass", "b");
  CHECK(serve(world, "") == "release.not_evaluated");
}

TEST_CASE("the trainer remembers over a restart whose codes its network learned from",
          "[trainer]") {
  World world;
  world.on_demand = true;
  const Encoded request = world.encode("agent-a", "steward-a");
  test_network(world, "pass");
  world.on_demand = false;
  world.run();  // trains on site-a's codes alone
  REQUIRE(world.ledger.count(RecordKind::model_produced) == 1);
  world.kind = "predict";
  world.on_demand = true;
  world.encoded = request;
  CHECK(serve(world, "") == "served");
}

TEST_CASE("on demand only a network is served that the owner released", "[trainer]") {
  const auto released = [](const std::string& signer, const std::string& network) {
    OnDemand world;
    for (const char* site : {"a", "b"}) test_network(world, "pass", site);
    provenance::Record release;
    release.kind = RecordKind::model_released;
    release.study = world.plan.study;
    release.subjects.push_back({"model", digest_of(network)});
    const Bytes envelope = world.all.sign(signer, release, world.now);
    world.put(envelope);
    world.study.more.push_back(envelope);
    world.start();
    world.run();
    return world.ledger.count(RecordKind::prediction_batch) == 1
               ? std::string("served")
               : provenance::text_or_empty(world.ledger.records.back().details, "code");
  };
  CHECK(released("owner", "network") == "served");
  CHECK(released("owner", "another network") == "model.not_released");
  CHECK(released("steward-a", "network") == "model.not_released");
}
