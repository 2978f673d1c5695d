#include "member/witnessed.h"

#include <catch2/catch.hpp>

#include "tests/member/a_record.h"
#include "tests/support/consortium.h"

using namespace cloister;
using namespace cloister::member;
using cloister::member::test::a_record;
using cloister::test::Consortium;
using cloister::test::start_of_time;
using cloister::test::TestLedger;

namespace {

// A ledger of a few records, one of them the release that is asked about, and a head of ours.
struct World {
  World() : ledger(all), fork(all) {
    for (const char* what : {"one", "two", "release"}) {
      last = all.sign("owner", a_record(what), start_of_time);
      (void)ledger.submit({{last}});
      (void)fork.submit({{last}});
    }
    release = all.person("owner").last;
    head = std::string(as_text(ledger.checkpoint()));
    plan = all.plan();
    plan.quorum = 2;
    study = verify_study(all.study(plan), membership()).value();
  }
  [[nodiscard]] Membership membership() const {
    return Membership::from(all.root(), all.bindings());
  }
  void grow(TestLedger& which) {
    (void)which.submit({{all.sign("steward-a", a_record("more"), start_of_time)}});
  }
  [[nodiscard]] std::set<std::string> sites(const std::string& json) {
    const WitnessQuestion question{release, head};
    const auto answer = read_answer(question, {json});
    REQUIRE(answer.has_value());
    return proves_record(*answer, release) ? witnesses(*answer, study, membership())
                                           : std::set<std::string>{"unproved"};
  }
  [[nodiscard]] std::string told(TestLedger& which, const std::vector<std::string>& agents) {
    return which.witnessed(to_ask({release, head}).argument, agents);
  }

  Consortium all;
  TestLedger ledger;
  TestLedger fork;
  Bytes last;
  Digest release;
  std::string head;
  protocol::StudyPlan plan;
  Study study;
};

const std::set<std::string> both{"site-a", "site-b"};

}  // namespace

TEST_CASE("sites that cosigned our head or what extends it vouch for a record in it", "[member]") {
  World world;
  CHECK(world.sites(world.told(world.ledger, {"agent-a", "agent-b"})) == both);
  CHECK(is_quorum(both, world.study));
  CHECK_FALSE(is_quorum({"site-a"}, world.study));
  world.grow(world.ledger);
  CHECK(world.sites(world.told(world.ledger, {"agent-a", "agent-b"})) == both);
  CHECK(world.sites(world.told(world.ledger, {"agent-b"})) == std::set<std::string>{"site-b"});
}

TEST_CASE("only agents of the study's sites count, each site once", "[member]") {
  World world;
  CHECK(world.sites(world.told(world.ledger, {"steward-a", "trainer", "coordinator"})).empty());
  world.plan.sites = {"site-a"};
  world.study.plan = world.plan;
  CHECK(world.sites(world.told(world.ledger, {"agent-a", "agent-b", "agent-a"})) ==
        std::set<std::string>{"site-a"});
}

TEST_CASE("a cosignature over another history does not count", "[member]") {
  World world;
  // Our head grows on one branch, agent-b's on the other.
  world.grow(world.ledger);
  (void)world.fork.submit({{world.all.sign("steward-b", a_record("other"), start_of_time)}});
  world.head = std::string(as_text(world.ledger.checkpoint()));
  const std::string honest = world.told(world.ledger, {"agent-a"});
  const std::string forked = world.told(world.fork, {"agent-b"});
  auto json = provenance::parse_json(honest).value();
  provenance::Json heads = *json.find("heads");
  const auto others = provenance::parse_json(forked).value();
  for (const auto& head : *others.find("heads")->items()) heads.push(head);
  json.set("heads", heads);
  CHECK(world.sites(provenance::to_jcs(json)) == std::set<std::string>{"site-a"});
}

TEST_CASE("a smaller head, another log's, or one without a proof does not count", "[member]") {
  World world;
  const std::string before = world.told(world.ledger, {"agent-a", "agent-b"});
  world.grow(world.ledger);
  world.head = std::string(as_text(world.ledger.checkpoint()));
  const auto small = provenance::parse_json(before).value();
  auto json = provenance::parse_json(world.told(world.ledger, {})).value();
  json.set("heads", *small.find("heads"));
  CHECK(world.sites(provenance::to_jcs(json)).empty());

  world.grow(world.ledger);
  json = provenance::parse_json(world.told(world.ledger, {"agent-a"})).value();
  auto item = json.find("heads")->items()->front();
  item.set("consistency", provenance::Json::array());
  json.set("heads", provenance::Json::array().push(item));
  CHECK(world.sites(provenance::to_jcs(json)).empty());

  auto note = provenance::parse_note(as_text(world.ledger.checkpoint())).value();
  note.signatures = {provenance::sign_note(note.text, cloister::test::log_name,
                                           world.all.person("trainer").keys.sign),
                     provenance::cosign(note.text, "agent-a", world.all.person("agent-a").keys.sign,
                                        start_of_time)};
  world.head = std::string(as_text(world.ledger.checkpoint()));
  json = provenance::parse_json(world.told(world.ledger, {})).value();
  item.set("checkpoint", provenance::to_text(note));
  json.set("heads", provenance::Json::array().push(item));
  CHECK(world.sites(provenance::to_jcs(json)).empty());
}

TEST_CASE("a record that is not proved to stand in our head is not vouched for", "[member]") {
  World world;
  world.grow(world.ledger);
  world.release = world.all.person("steward-a").last;  // after our head
  CHECK(world.sites(world.told(world.ledger, {"agent-a", "agent-b"})) ==
        std::set<std::string>{"unproved"});
  World other;
  auto json = provenance::parse_json(other.told(other.ledger, {"agent-a"})).value();
  json.set("index", 1);
  CHECK(other.sites(provenance::to_jcs(json)) == std::set<std::string>{"unproved"});
  const WitnessQuestion question{other.release, other.head};
  for (const char* bad : {"", "{}", "[]", R"({"heads":7})", R"({"heads":[{"checkpoint":"x"}]})",
                          R"({"heads":[],"index":-1,"inclusion":[]})",
                          R"({"heads":[],"index":1,"inclusion":["zz"]})"}) {
    CHECK_FALSE(read_answer(question, {bad}).has_value());
  }
}
