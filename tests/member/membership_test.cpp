#include "member/membership.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "member/study.h"
#include "tests/support/consortium.h"

using namespace cloister;
using namespace cloister::member;
using cloister::test::Consortium;

TEST_CASE("members are those whose keys the pinned root bound, in whatever order they come",
          "[member]") {
  Consortium all;
  auto envelopes = all.bindings();
  std::reverse(envelopes.begin(), envelopes.end());
  const Membership membership = Membership::from(all.root(), envelopes);
  REQUIRE(membership.members().size() == 9);
  CHECK(membership.coordinator()->id.text() == "coordinator");
  CHECK(membership.agent_of("site-b")->id.text() == "agent-b");
  CHECK(membership.find(MemberId::trusted("trainer"))->seal ==
        all.person("trainer").keys.seal.public_key());
}

TEST_CASE("under another root nobody is believed", "[member]") {
  Consortium all;
  const Membership membership = Membership::from(std::string(64, 'a'), all.bindings());
  CHECK(membership.members().empty());
}

TEST_CASE("a coordinator cannot bind a trainer of its own", "[member]") {
  Consortium all;
  all.add("evil", provenance::Role::trainer, "consortium");
  provenance::Record record;
  record.kind = provenance::RecordKind::key_bound;
  provenance::KeyBinding binding{MemberId::trusted("evil"),
                                 provenance::Role::trainer,
                                 "consortium",
                                 {},
                                 Bytes(32, 1),
                                 Bytes(32, 2),
                                 {}};
  binding = provenance::prove_key(binding, all.person("evil").keys.sign, test::log_name);
  record.subjects.push_back({"evil", provenance::member_key_digest(binding)});
  record.details = provenance::to_details(binding);
  auto envelopes = all.bindings();
  envelopes.push_back(all.sign("coordinator", record, test::start_of_time));
  const Membership membership = Membership::from(all.root(), envelopes);
  CHECK(membership.find(MemberId::trusted("evil")) == nullptr);
  CHECK(membership.members().size() == 9);
}

TEST_CASE("a revoked member is gone until it is bound again", "[member]") {
  Consortium all;
  auto envelopes = all.bindings();
  provenance::Record record;
  record.kind = provenance::RecordKind::key_revoked;
  record.subjects.push_back({"trainer", crypto::sha256(as_bytes("keys"))});
  record.details.set("member", "trainer");
  envelopes.push_back(all.sign("root", record, test::start_of_time));
  CHECK(Membership::from(all.root(), envelopes).find(MemberId::trusted("trainer")) == nullptr);
  envelopes.push_back(all.bind("trainer"));
  CHECK(Membership::from(all.root(), envelopes).find(MemberId::trusted("trainer")) != nullptr);
}

namespace {

// The next keys of a member, signed by its present ones.
Bytes rotation(Consortium& all, const std::string& id, const crypto::SecretKey& next) {
  const auto& person = all.person(id);
  provenance::KeyBinding binding{MemberId::trusted(id), person.role, person.org, {}, {}, {}, {}};
  const BytesView seal = person.keys.seal.public_key().view();
  binding.seal.assign(seal.begin(), seal.end());
  binding.curve = Bytes(32, 7);
  binding = provenance::prove_key(binding, next, test::log_name);
  provenance::Record record;
  record.kind = provenance::RecordKind::key_rotated;
  record.subjects.push_back({id, provenance::member_key_digest(binding)});
  record.details = provenance::to_details(binding);
  return all.sign(id, record, test::start_of_time);
}

}  // namespace

TEST_CASE(
    "after a rotation both keys of a member are believed, and the end of the former one ends "
    "nothing else",
    "[member]") {
  Consortium all;
  auto envelopes = all.bindings();
  const Bytes plan_before = all.study(all.plan()).opened;  // signed with the first key
  crypto::SeededEntropy entropy(77);
  const auto next = crypto::SecretKey::generate(entropy);
  envelopes.push_back(rotation(all, "owner", next));
  const crypto::PublicKey before = all.person("owner").keys.sign.public_key();
  auto membership = Membership::from(all.root(), envelopes);
  const Member* owner = membership.find(MemberId::trusted("owner"));
  REQUIRE(owner != nullptr);
  CHECK(owner->sign == next.public_key());
  REQUIRE(owner->former.size() == 1);
  CHECK(owner->former.front().sign == before);
  CHECK(membership.open(plan_before).has_value());

  provenance::Record ended;
  ended.kind = provenance::RecordKind::key_revoked;
  ended.subjects.push_back({"owner", crypto::sha256(as_bytes("keys"))});
  ended.details.set("member", "owner").set("key", to_hex(before.view()));
  envelopes.push_back(all.sign("root", ended, test::start_of_time));
  membership = Membership::from(all.root(), envelopes);
  owner = membership.find(MemberId::trusted("owner"));
  REQUIRE(owner != nullptr);
  CHECK(owner->former.front().is_revoked);
  CHECK(membership.open(plan_before).has_value());  // what it signed before stays signed
}

TEST_CASE("nobody rotates another member's keys", "[member]") {
  Consortium all;
  auto envelopes = all.bindings();
  crypto::SeededEntropy entropy(78);
  const auto next = crypto::SecretKey::generate(entropy);
  provenance::KeyBinding binding{MemberId::trusted("owner"),
                                 provenance::Role::study_owner,
                                 "consortium",
                                 {},
                                 Bytes(32, 1),
                                 Bytes(32, 2),
                                 {}};
  binding = provenance::prove_key(binding, next, test::log_name);
  provenance::Record record;
  record.kind = provenance::RecordKind::key_rotated;
  record.subjects.push_back({"owner", provenance::member_key_digest(binding)});
  record.details = provenance::to_details(binding);
  envelopes.push_back(all.sign("agent-a", record, test::start_of_time));
  const auto membership = Membership::from(all.root(), envelopes);
  CHECK(membership.find(MemberId::trusted("owner"))->sign ==
        all.person("owner").keys.sign.public_key());
}

TEST_CASE("a plan counts only as its owner signed it, for a certified trainer", "[member]") {
  Consortium all;
  const Membership membership = Membership::from(all.root(), all.bindings());
  const auto good = verify_study(all.study(all.plan()), membership);
  REQUIRE(good.has_value());
  CHECK(good->trainer.id.text() == "trainer");
  CHECK(good->plan == all.plan());

  auto other_key = all.plan();
  other_key.trainer_seal_key = std::string(64, 'b');
  CHECK(verify_study(all.study(other_key), membership).error().code == "study.trainer");
  auto other_owner = all.plan();
  other_owner.owner = "somebody";
  CHECK(verify_study(all.study(other_owner), membership).error().code == "study.signer");
  // Signed by a member whose role does not open studies.
  CHECK(verify_study(all.study(all.plan(), "steward-a"), membership).error().code == "record.role");
}
