#include "coordinator/core/enrolment.h"

#include <catch2/catch.hpp>

#include "crypto/entropy.h"
#include "crypto/hash.h"
#include "crypto/identity.h"
#include "desk.h"
#include "protocol/envelope.h"

using namespace cloister;
using namespace cloister::coordinator;
using namespace cloister::coordinator::testing;
using protocol::EnrolmentState;

namespace {

struct Newcomer {
  explicit Newcomer(std::uint64_t seed)
      : entropy(seed),
        identity(crypto::generate_identity(MemberId::trusted("agent-d"), "site", entropy)) {}

  protocol::Enrol enrol(const Bytes& secret) const {
    protocol::Enrol enrol;
    const auto keys = crypto::public_part(identity);
    enrol.token_secret = secret;
    enrol.member = identity.id;
    enrol.site = "d";
    enrol.keys = {Bytes(keys.sign.bytes.begin(), keys.sign.bytes.end()),
                  Bytes(keys.seal.bytes.begin(), keys.seal.bytes.end()),
                  Bytes(keys.curve.bytes.begin(), keys.curve.bytes.end())};
    enrol.possession = Bytes(64, 7);
    const auto proof = identity.sign.sign(protocol::enrolment_claim(crypto::sha256(secret), enrol));
    enrol.proof = Bytes(proof.begin(), proof.end());
    return enrol;
  }
  crypto::SeededEntropy entropy;
  crypto::Identity identity;
};

const Bytes secret(32, 42);

protocol::Invite invitation(Instant expires) {
  return {MemberId::trusted("agent-d"), protocol::Role::site_agent, "d", crypto::sha256(secret),
          expires};
}

protocol::Reply enrol(Desk& desk, const protocol::Enrol& enrol) {
  for (const Action& action : desk.event(EnrolArrived{1, enrol})) {
    if (const auto* reply = std::get_if<Reply>(&action)) return reply->reply;
  }
  return protocol::Done{};
}

std::string refusal(const protocol::Reply& reply) {
  const auto* refused = std::get_if<protocol::Refused>(&reply);
  return refused == nullptr ? "none" : refused->error.code;
}

}  // namespace

TEST_CASE("a newcomer enrols by token, waits for a person, and then gets its membership",
          "[coordinator]") {
  Desk desk;
  const Newcomer newcomer(1);
  const auto actions = desk.request("admin", invitation(desk.now + Duration(600'000)));
  REQUIRE(actions.size() == 2);
  CHECK(std::holds_alternative<KeepEnrolments>(actions[0]));  // durable before the answer
  auto state = std::get<EnrolmentState>(enrol(desk, newcomer.enrol(secret)));
  CHECK(state.step == EnrolmentState::Step::waiting_for_approval);
  const auto pending =
      std::get<protocol::Enrolments>(desk.ask("admin", protocol::ListEnrolments{}));
  REQUIRE(pending.pending.size() == 1);
  CHECK(pending.pending[0].possession == Bytes(64, 7));

  provenance::KeyBinding binding;
  binding.member = newcomer.identity.id;
  binding.role = provenance::Role::site_agent;
  binding.org = "d";
  binding.seal = pending.pending[0].keys.seal;
  binding.curve = pending.pending[0].keys.curve;
  binding = provenance::prove_key(binding, newcomer.identity.sign, "test");
  Record bound = desk.record(RecordKind::key_bound, "admin");
  bound.details = provenance::to_details(binding);
  bound.subjects = {{"agent-d", provenance::member_key_digest(binding)}};
  desk.must(bound);

  state = std::get<EnrolmentState>(enrol(desk, newcomer.enrol(secret)));
  CHECK(state.step == EnrolmentState::Step::enrolled);
  CHECK(state.membership.size() == 4);  // root, administrator, coordinator, itself
  CHECK(std::get<protocol::Enrolments>(desk.ask("admin", protocol::ListEnrolments{}))
            .pending.empty());
}

TEST_CASE("a wrong, expired or reused token enrols nobody", "[coordinator]") {
  Desk desk;
  const Newcomer newcomer(1);
  CHECK(refusal(enrol(desk, newcomer.enrol(Bytes(32, 1)))) == "enrol.token");
  CHECK(refusal(desk.ask("admin", invitation(desk.now + Duration(3'600'000)))) == "invite.expires");
  desk.ask("admin", invitation(desk.now + Duration(60'000)));
  auto forged = newcomer.enrol(secret);
  forged.proof[3] ^= 1;
  CHECK(refusal(enrol(desk, forged)) == "enrol.proof");
  forged = newcomer.enrol(secret);
  forged.site = "a";
  CHECK(refusal(enrol(desk, forged)) == "enrol.token");
  desk.now = desk.now + Duration(60'001);
  CHECK(refusal(enrol(desk, newcomer.enrol(secret))) == "enrol.token");
  desk.now = desk.now + Duration(-30'000);
  CHECK(refusal(enrol(desk, newcomer.enrol(secret))) == "none");
  CHECK(refusal(enrol(desk, Newcomer(2).enrol(secret))) == "enrol.token_used");
  // Once used, its time no longer matters: people may take days to compare fingerprints.
  desk.now = desk.now + Duration(48 * 3'600'000);
  CHECK(refusal(enrol(desk, newcomer.enrol(secret))) == "none");
}

TEST_CASE("invitations and newcomers survive a restart", "[coordinator]") {
  Desk desk;
  Enrolment enrolment;
  REQUIRE(
      enrolment.invite(invitation(desk.now + Duration(60'000)), desk.core.membership(), desk.now));
  CHECK(Enrolment::from_json(enrolment.to_json()).value() == enrolment);
  REQUIRE(enrolment.enrol(Newcomer(1).enrol(secret), desk.core.membership(), desk.now));
  CHECK(Enrolment::from_json(enrolment.to_json()).value() == enrolment);
  CHECK_FALSE(Enrolment::from_json("{").has_value());
}
