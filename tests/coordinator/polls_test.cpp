#include "coordinator/core/polls.h"

#include <catch2/catch.hpp>

#include "desk.h"

using namespace cloister;
using namespace cloister::coordinator;
using namespace cloister::coordinator::testing;

namespace {

protocol::Poll waiting(std::uint64_t seen) {
  protocol::Poll poll;
  poll.seen_version = seen;
  poll.wait = Duration(20'000);
  return poll;
}

std::size_t answers(const Actions& actions) {
  std::size_t count = 0;
  for (const Action& action : actions) count += std::holds_alternative<AnswerPoll>(action) ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("a poll is held until something of the member's own changes", "[coordinator]") {
  Desk desk;
  desk.open_study();
  const auto seen = desk.work("agent-a").version;
  CHECK(answers(desk.request("agent-a", waiting(seen))) == 0);
  // Something at another site is no news here.
  Record approved = desk.record(RecordKind::job_approved, "agent-b");
  const Job* other = desk.job("b", "register-data");
  approved.study = other->study;
  approved.job = other->id;
  approved.inputs = {{"spec", "spec", other->spec_digest, std::nullopt}};
  REQUIRE(desk.core.check(approved).has_value());
  CHECK(desk.core.work_version(MemberId::trusted("agent-a")) == seen);
  desk.must(approved);
  CHECK(desk.core.work_version(MemberId::trusted("agent-a")) == seen);

  approved = desk.record(RecordKind::job_approved, "admin-a");
  const Job* own = desk.job("a", "register-data");
  approved.study = own->study;
  approved.job = own->id;
  approved.inputs = {{"spec", "spec", own->spec_digest, std::nullopt}};
  Placed placed{desk.ledger.size(), digest_of("x"), approved, {}};
  CHECK(desk.core.on(RecordsPlaced{{placed}}, desk.now).empty());  // not durable: no answer yet
  const Actions actions = desk.core.on(LedgerSynced{desk.ledger.size() + 1}, desk.now);
  REQUIRE(answers(actions) == 1);
  CHECK(std::get<AnswerPoll>(actions.front()).work.jobs.front().state ==
        protocol::JobState::approved);
}

TEST_CASE("a held poll is answered at its limit, and a poll that knows too little at once",
          "[coordinator]") {
  Desk desk;
  desk.open_study();
  const auto seen = desk.work("agent-a").version;
  CHECK(answers(desk.request("agent-a", waiting(seen))) == 0);
  REQUIRE(desk.core.next_deadline().has_value());
  CHECK(answers(desk.event(Ticked{})) == 0);
  desk.now = *desk.core.next_deadline();
  CHECK(answers(desk.event(Ticked{})) == 1);
  CHECK_FALSE(desk.core.next_deadline().has_value());
  CHECK(answers(desk.request("agent-a", waiting(seen + 7))) == 1);
}

TEST_CASE("a member's new poll takes the place of its old one, which is answered too",
          "[coordinator]") {
  Desk desk;
  desk.open_study();
  const auto seen = desk.work("agent-a").version;
  CHECK(answers(desk.request("agent-a", waiting(seen))) == 0);
  CHECK(answers(desk.request("agent-a", waiting(seen))) == 1);
}

TEST_CASE("who asks for cosignatures wakes the agents that have not heard of that head",
          "[coordinator]") {
  Desk desk;
  desk.open_study();
  for (const char* agent : {"agent-a", "agent-b"}) {
    protocol::Poll poll = waiting(desk.work(agent).version);
    poll.head_size = agent == std::string("agent-a") ? 3 : 7;
    CHECK(answers(desk.request(agent, poll)) == 0);
  }
  const std::string record(64, 'a');
  CHECK(answers(desk.request("trainer", protocol::Ask{"witnessed", record + " 3"})) == 0);
  const Actions actions = desk.request("trainer", protocol::Ask{"witnessed", record + " 7"});
  REQUIRE(answers(actions) == 1);
  const auto& read = std::get<ReadWitnessed>(actions.front());
  CHECK(read.size == 7);
  CHECK(read.record == digest_from_hex(record).value());
  // Who has no part in a study of these sites wakes nobody.
  CHECK(answers(desk.request("auditor", protocol::Ask{"witnessed", record + " 99"})) == 0);
  for (const char* bad : {"", "7", "zz 7", " 7", "aa"}) {
    const Actions refused = desk.request("trainer", protocol::Ask{"witnessed", bad});
    CHECK(std::holds_alternative<protocol::Refused>(std::get<Reply>(refused.front()).reply));
  }
  const Actions refused = desk.request("trainer", protocol::Ask{"witnessed", record + " 7x"});
  CHECK(std::holds_alternative<protocol::Refused>(std::get<Reply>(refused.front()).reply));
}
