#include "cli/enrolling.h"

#include "cli/desk.h"
#include "member/membership.h"
#include "protocol/envelope.h"

namespace cloister::cli {
namespace {

constexpr Duration ask_again{1'000};

}  // namespace

protocol::Enrol request_of(const Token& token, const crypto::Identity& identity) {
  const NewMember me = prove_member(identity, token.role, token.site, token.log);
  protocol::Enrol enrol;
  enrol.token_secret = token.secret;
  enrol.member = token.member;
  enrol.role = token.role;
  enrol.site = token.site;
  enrol.keys = me.keys;
  enrol.possession = me.possession;
  const auto proof = identity.sign.sign(protocol::enrolment_claim(token_hash(token), enrol));
  enrol.proof.assign(proof.begin(), proof.end());
  return enrol;
}

Result<protocol::EnrolmentState> wait_for_approval(Line& line, const protocol::Enrol& enrol,
                                                   Duration wait) {
  const SystemClock clock;
  const Duration end = clock.monotonic() + wait;
  while (true) {
    auto state = line.ask<protocol::EnrolmentState>(enrol);
    if (!state || state->step != protocol::EnrolmentState::Step::waiting_for_approval) return state;
    if (clock.monotonic() >= end) return state;
    line.loop().run_until([] { return false; }, ask_again);
  }
}

Result<void> check_membership(const Token& token, const crypto::Identity& identity,
                              const std::vector<Bytes>& envelopes) {
  const auto membership = member::Membership::from(token.root, envelopes);
  const member::Member* me = membership.find(token.member);
  const member::Member* coordinator = membership.find(token.coordinator.member);
  if (coordinator == nullptr || coordinator->sign != token.coordinator.sign ||
      coordinator->curve != token.coordinator.curve) {
    return fail(Kind::unauthenticated, "enrol.coordinator",
                "The consortium's root key does not vouch for this coordinator.",
                "Do not go on. Compare the root fingerprint with the consortium by telephone.");
  }
  if (me == nullptr || me->sign != identity.sign.public_key() || me->role != token.role ||
      me->site != token.site) {
    return fail(Kind::unauthenticated, "enrol.membership",
                "The membership that came back is not for the keys that were made here.",
                "Ask the consortium for a new token and tell them about this.");
  }
  return {};
}

}  // namespace cloister::cli
