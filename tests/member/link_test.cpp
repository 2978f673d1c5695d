#include "member/link.h"

#include <catch2/catch.hpp>

#include "member/own_keys.h"
#include "tests/support/consortium.h"

using namespace cloister;
using namespace cloister::member;
using cloister::test::Consortium;
using cloister::test::start_of_time;
using cloister::test::TestLedger;

namespace {

LinkOptions options(Consortium& all) {
  return {MemberId::trusted("agent-a"),
          protocol::Role::site_agent,
          "site-a",
          {},
          all.root(),
          all.bindings()};
}

// Beside it a fresh start asks once what the ledger holds of its own records.
const Ask* poll_in(const Actions& actions) {
  for (const auto& action : actions) {
    const auto* ask = std::get_if<Ask>(&action);
    if (ask != nullptr && std::holds_alternative<protocol::Poll>(ask->request)) return ask;
  }
  return nullptr;
}

}  // namespace

TEST_CASE("one poll is always under way, its answer brings studies that were verified",
          "[member]") {
  Consortium all;
  TestLedger ledger(all);
  Link link(options(all), all.person("agent-a").keys.sign, {});
  const Actions first = link.settle(start_of_time);
  const Ask* poll = poll_in(first);
  REQUIRE(poll != nullptr);
  CHECK(std::holds_alternative<protocol::Poll>(poll->request));
  CHECK(link.settle(start_of_time).empty());

  protocol::Work work;
  work.version = 7;
  work.checkpoint = ledger.checkpoint();
  work.studies = {all.study(all.plan())};
  auto lying = all.plan();
  lying.study = StudyId::trusted("lying");
  lying.trainer_seal_key = std::string(64, 'b');
  work.studies.push_back(all.study(lying));
  const Heard heard = link.on(Answered{poll->tag, work}, start_of_time);
  CHECK(heard.new_work);
  CHECK(link.study(StudyId::trusted("heart")) != nullptr);
  CHECK(link.study(StudyId::trusted("lying")) == nullptr);
  CHECK(link.refused_studies().at(StudyId::trusted("lying")).code == "study.trainer");

  const Actions next = link.settle(start_of_time);
  const auto* again = std::get_if<protocol::Poll>(&poll_in(next)->request);
  REQUIRE(again != nullptr);
  CHECK(again->seen_version == 7);
}

TEST_CASE("a lost line is asked again after a pause, not at once", "[member]") {
  Consortium all;
  Link link(options(all), all.person("agent-a").keys.sign, {});
  const Actions first = link.settle(start_of_time);
  (void)link.on(Unanswered{poll_in(first)->tag, Error{Kind::unavailable, "x", "Lost.", {}}},
                start_of_time);
  CHECK(link.settle(start_of_time).empty());
  REQUIRE(link.next_deadline().has_value());
  CHECK_FALSE(link.settle(*link.next_deadline()).empty());
}

TEST_CASE("a revocation stays known even if the coordinator stops telling it", "[member]") {
  Consortium all;
  TestLedger ledger(all);
  Stored stored;
  Link link(options(all), all.person("agent-a").keys.sign, stored);
  provenance::Record record;
  record.kind = provenance::RecordKind::key_revoked;
  record.subjects.push_back({"trainer", crypto::sha256(as_bytes("keys"))});
  record.details.set("member", "trainer");
  protocol::Work work;
  work.membership = all.bindings();
  work.membership.push_back(all.sign("root", record, start_of_time));
  const Actions first = link.settle(start_of_time);
  const Heard heard = link.on(Answered{poll_in(first)->tag, work}, start_of_time);
  CHECK(link.membership().find(MemberId::trusted("trainer")) == nullptr);
  for (const auto& action : heard.actions) {
    if (const auto* persist = std::get_if<Persist>(&action)) stored[persist->key] = *persist->value;
  }
  Link restarted(options(all), all.person("agent-a").keys.sign, stored);
  CHECK(restarted.membership().find(MemberId::trusted("trainer")) == nullptr);
}

TEST_CASE("a line that fails is told with its first moment, until it opens again", "[member]") {
  Consortium all;
  Link link(options(all), all.person("agent-a").keys.sign, {});
  CHECK_FALSE(link.problem());
  const Error unreachable{Kind::unavailable, "connection.unreachable", "Nobody answers.", "Look."};
  const Error stranger{Kind::unauthenticated, "connection.no_member", "Not known.", "Enrol."};
  const auto notices = [](const Heard& heard) { return heard.actions.size(); };
  CHECK(notices(link.on(LineFailed{unreachable}, start_of_time)) == 1);
  const Instant later = start_of_time + Duration(60'000);
  CHECK(notices(link.on(LineFailed{unreachable}, later)) == 0);  // the log heard of it
  CHECK(notices(link.on(LineFailed{stranger}, later)) == 1);
  REQUIRE(link.problem());
  CHECK(link.problem()->error.code == "connection.no_member");
  CHECK(link.problem()->since == start_of_time);
  const auto told = provenance::to_jcs(line_json(link));
  CHECK(told.find("connection.no_member") != std::string::npos);
  CHECK(told.find(to_rfc3339(start_of_time)) != std::string::npos);
  (void)link.on(LineOpened{}, later);
  CHECK_FALSE(link.problem());
  CHECK(provenance::to_jcs(line_json(link)).find("problem") == std::string::npos);
}

TEST_CASE("a refused poll is a problem until one is answered", "[member]") {
  Consortium all;
  TestLedger ledger(all);
  Link link(options(all), all.person("agent-a").keys.sign, {});
  const Actions first = link.settle(start_of_time);
  const Error revoked{Kind::unauthenticated, "member.revoked", "Revoked.", "Ask."};
  (void)link.on(Answered{poll_in(first)->tag, protocol::Refused{revoked}}, start_of_time);
  REQUIRE(link.problem());
  CHECK(link.problem()->error.code == "member.revoked");
  const Actions next = link.settle(start_of_time + Duration(5'000));
  protocol::Work work;
  work.checkpoint = ledger.checkpoint();
  (void)link.on(Answered{poll_in(next)->tag, work}, start_of_time + Duration(5'000));
  CHECK_FALSE(link.problem());
}
