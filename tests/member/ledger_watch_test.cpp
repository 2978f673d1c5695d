#include "member/ledger_watch.h"

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

void grow(Consortium& all, TestLedger& ledger, const std::string& what) {
  (void)ledger.submit({{all.sign("owner", a_record(what), start_of_time)}});
}

struct Watching {
  explicit Watching(Consortium& all)
      : key(all.person("agent-a").keys.sign),
        log(all.person("coordinator").keys.sign.public_key()),
        watch("agent-a", key, {}) {}
  Actions see(TestLedger& ledger) {
    protocol::Work work;
    work.checkpoint = ledger.checkpoint();
    work.consistency = ledger.consistency(watch.head_size());
    return watch.on_work(work, log, start_of_time);
  }
  const crypto::SecretKey& key;
  crypto::PublicKey log;
  LedgerWatch watch;
};

bool has_evidence(const Actions& actions) {
  return std::any_of(actions.begin(), actions.end(), [](const Action& action) {
    return std::holds_alternative<SaveEvidence>(action);
  });
}

}  // namespace

TEST_CASE("a head is persisted before its cosignature is at hand, and grows with proof",
          "[member]") {
  Consortium all;
  TestLedger ledger(all);
  Watching site(all);
  grow(all, ledger, "one");
  const Actions first = site.see(ledger);
  REQUIRE(std::holds_alternative<Persist>(first.front()));
  grow(all, ledger, "two");
  grow(all, ledger, "three");
  CHECK_FALSE(site.see(ledger).empty());
  CHECK(site.watch.head_size() == 3);
  CHECK_FALSE(site.watch.cosignature().empty());
  CHECK(site.see(ledger).empty());  // nothing new, nothing to do
}

TEST_CASE("a rolled back ledger halts the member with evidence, for good", "[member]") {
  Consortium all;
  TestLedger ledger(all);
  Watching site(all);
  for (const char* what : {"one", "two", "three"}) grow(all, ledger, what);
  (void)site.see(ledger);
  Consortium again;
  TestLedger older(again);
  grow(again, older, "one");
  const Actions actions = site.see(older);
  CHECK(site.watch.halted());
  CHECK(has_evidence(actions));
  CHECK(site.see(ledger).empty());  // even the good one: a person decides
  (void)site.watch.forgive();
  CHECK_FALSE(site.see(ledger).empty());
  CHECK(site.watch.head_size() == 3);
}

TEST_CASE("another tree of the same size is a fork", "[member]") {
  Consortium all;
  TestLedger ledger(all);
  Watching site(all);
  grow(all, ledger, "one");
  (void)site.see(ledger);
  Consortium again;
  TestLedger other(again);
  grow(again, other, "another");
  CHECK(has_evidence(site.see(other)));
  CHECK(site.watch.halted());
}

TEST_CASE("another site's head of the same size must be ours", "[member]") {
  Consortium all;
  TestLedger ledger(all);
  Watching site(all);
  grow(all, ledger, "one");
  (void)site.see(ledger);
  Consortium again;
  TestLedger other(again);
  grow(again, other, "another");
  protocol::Work work;
  work.checkpoint = ledger.checkpoint();
  work.peer_heads = {other.checkpoint()};
  CHECK(has_evidence(site.watch.on_work(work, site.log, start_of_time)));
}

TEST_CASE("another site's head of another size is compared once ours has that size", "[member]") {
  Consortium all;
  TestLedger ledger(all);
  Watching site(all);
  grow(all, ledger, "one");
  (void)site.see(ledger);
  Consortium again;
  TestLedger other(again);
  grow(again, other, "another");
  grow(again, other, "and another");
  protocol::Work work;
  work.checkpoint = ledger.checkpoint();
  work.peer_heads = {other.checkpoint(), ledger.checkpoint(), to_bytes("no note")};
  CHECK(site.watch.on_work(work, site.log, start_of_time).empty());
  grow(all, ledger, "two");
  work.checkpoint = ledger.checkpoint();
  work.consistency = ledger.consistency(1);
  CHECK(has_evidence(site.watch.on_work(work, site.log, start_of_time)));
}

TEST_CASE("another site's head without the log's signature is no evidence", "[member]") {
  Consortium all;
  TestLedger ledger(all);
  Watching site(all);
  grow(all, ledger, "one");
  (void)site.see(ledger);
  Consortium again;
  TestLedger other(again);
  grow(again, other, "another");
  auto theirs = provenance::parse_note(as_text(other.checkpoint())).value();
  theirs.signatures.front().signature.back() ^= 1;
  protocol::Work work;
  work.checkpoint = ledger.checkpoint();
  work.peer_heads = {to_bytes(provenance::to_text(theirs))};
  CHECK(site.watch.on_work(work, site.log, start_of_time).empty());
  CHECK_FALSE(site.watch.halted());
}

TEST_CASE("a head that somebody else signed changes nothing", "[member]") {
  Consortium all;
  TestLedger ledger(all);
  Watching site(all);
  grow(all, ledger, "one");
  site.log = all.person("trainer").keys.sign.public_key();
  (void)site.see(ledger);
  CHECK(site.watch.head_size() == 0);
  CHECK_FALSE(site.watch.halted());
}
