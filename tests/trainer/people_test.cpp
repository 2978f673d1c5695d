// What whoever runs a trainer asks of it, and its own keys.
#include "world.h"

using namespace cloister;
using namespace cloister::trainer::testing;

namespace {

provenance::KeyBinding next_keys(World& world, const std::string& who) {
  const auto& person = world.all.person(who);
  provenance::KeyBinding binding{MemberId::trusted(who), person.role, person.org, {}, {}, {}, {}};
  const BytesView seal = person.keys.seal.public_key().view();
  binding.seal.assign(seal.begin(), seal.end());
  binding.curve = Bytes(32, 7);
  crypto::SeededEntropy entropy(42);
  return provenance::prove_key(binding, crypto::SecretKey::generate(entropy), test::log_name);
}

}  // namespace

TEST_CASE("the trainer signs its own rotation once, and nobody else's", "[trainer]") {
  World world;
  const auto rotate = [&](const std::string& who) {
    return world.ask("rotate", provenance::to_details(next_keys(world, who)));
  };
  CHECK(rotate("agent-a").error().code == "rotate.member");
  CHECK(rotate("trainer").has_value());
  CHECK(rotate("trainer").has_value());  // asked again: the same record, not a second one
  CHECK(world.ledger.count(RecordKind::key_rotated) == 1);
  CHECK(world.ledger.records.back().actor.id.text() == "trainer");
}

TEST_CASE("the trainer ends no key that is not a former one of its own", "[trainer]") {
  World world;
  const auto present = to_hex(world.all.person("trainer").keys.sign.public_key().view());
  CHECK(world.ask("retire", Json().set("key", present)).error().code == "rotate.former");
  CHECK(world.ledger.count(RecordKind::key_revoked) == 0);
}

TEST_CASE("the trainer tells who it is, what it does and what its jobs wait for", "[trainer]") {
  World world;
  world.run();
  const auto told = world.ask("status");
  REQUIRE(told.has_value());
  const Json status = provenance::parse_json(*told).value();
  CHECK(provenance::text_or_empty(status, "member") == "trainer");
  CHECK(provenance::text_or_empty(status, "running").empty());
  CHECK_FALSE(provenance::text_or_empty(status, "last_heard").empty());
  CHECK(provenance::text_or_empty(*status.find("keys"), "fingerprint") ==
        crypto::fingerprint(world.all.person("trainer").keys.sign.public_key()));
  REQUIRE(status.find("jobs")->items()->size() == 1);
  CHECK(provenance::text_or_empty(status.find("jobs")->items()->front(), "state") == "done");
  CHECK(world.ask("forgive").error().code == "trainer.not_halted");
  CHECK(world.ask("sing").error().code == "control.unknown_verb");
}
