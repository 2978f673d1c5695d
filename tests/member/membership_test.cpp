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
