#include "member/record_outbox.h"

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

// An outbox with what it persisted, which can be killed and restored.
struct Box {
  explicit Box(Consortium& all) : consortium(all), ledger(all) { restart(); }
  void restart() {
    outbox.emplace(
        provenance::Actor{MemberId::trusted("agent-a"), provenance::Role::site_agent, "site-a", {}},
        consortium.person("agent-a").keys.sign, stored);
  }
  void perform(const Actions& actions) {
    for (const auto& action : actions) {
      if (const auto* persist = std::get_if<Persist>(&action)) {
        if (persist->value) {
          stored[persist->key] = *persist->value;
        } else {
          stored.erase(persist->key);
        }
      }
      if (const auto* ask = std::get_if<Ask>(&action)) asked = ask->request;
    }
  }
  void draft(const std::string& name) {
    perform(outbox->draft(name, a_record(name), start_of_time).value());
  }
  // One request to the ledger; the answer may get lost.
  bool step(bool lose_answer = false) {
    asked.reset();
    perform(outbox->ask(1, start_of_time));
    if (!asked) return false;
    const auto* submit = std::get_if<protocol::Submit>(&*asked);
    const protocol::Reply reply =
        submit != nullptr ? ledger.submit(*submit)
                          : protocol::Reply(ledger.signer(MemberId::trusted("agent-a")));
    if (lose_answer) {
      outbox->on_unanswered();
      return true;
    }
    auto outcome = outbox->on_reply(reply, start_of_time);
    perform(outcome.actions);
    if (outcome.rejected) rejected = outcome.rejected;
    return true;
  }
  void run() {
    while (step()) {
    }
  }
  Consortium& consortium;
  TestLedger ledger;
  Stored stored;
  std::optional<RecordOutbox> outbox;
  std::optional<protocol::Request> asked;
  std::optional<Rejected> rejected;
};

}  // namespace

TEST_CASE("records reach the ledger in the order of drafting, each once", "[member]") {
  Consortium all;
  Box box(all);
  for (const char* name : {"one", "two", "three"}) box.draft(name);
  box.draft("two");  // again: nothing happens
  box.run();
  REQUIRE(box.ledger.records.size() == 3);
  CHECK(box.ledger.records[1].subjects[0].name == "two");
  CHECK(box.ledger.records[2].signer_seq == 3);
  CHECK(box.outbox->receipt("three")->index == 2);
  box.draft("one");
  box.run();
  CHECK(box.ledger.records.size() == 3);
}

TEST_CASE("a lost answer or a kill at any step neither loses nor repeats a record", "[member]") {
  for (int kill_at = 0; kill_at < 12; ++kill_at) {
    Consortium all;
    Box box(all);
    box.draft("one");
    box.draft("two");
    box.draft("three");
    for (int i = 0; i < 20; ++i) {
      const bool lose = i == kill_at;
      if (!box.step(lose)) break;
      if (lose) box.restart();
    }
    box.run();
    INFO("killed at step " << kill_at);
    REQUIRE(box.ledger.records.size() == 3);
    CHECK(box.outbox->last_seq() == 3);
    CHECK(box.outbox->is_idle());
  }
}

TEST_CASE("a refused record is handed back and does not stop those behind it", "[member]") {
  Consortium all;
  Box box(all);
  box.ledger.refuse = [](const provenance::Record& record) {
    return record.subjects[0].name == "bad"
               ? Error{Kind::forbidden, "sequencer.approval", "No.", "Ask."}
               : Error{};
  };
  box.draft("bad");
  box.draft("good");
  box.run();
  REQUIRE(box.rejected.has_value());
  CHECK(box.rejected->name == "bad");
  REQUIRE(box.ledger.records.size() == 1);
  CHECK(box.ledger.records[0].signer_seq == 1);
  box.draft("bad");  // not at once again
  CHECK_FALSE(box.outbox->knows("bad"));
}

TEST_CASE("an outbox set back to an older state signs nothing until a person decides", "[member]") {
  Consortium all;
  Box box(all);
  box.draft("one");
  box.run();
  const Stored backup = box.stored;
  box.draft("two");
  box.run();
  box.stored = backup;
  box.restart();
  box.draft("three");
  box.run();
  CHECK(box.outbox->is_ahead());
  CHECK(box.ledger.records.size() == 2);
  box.outbox->adopt_counters();
  box.run();
  REQUIRE(box.ledger.records.size() == 3);
  CHECK(box.ledger.records[2].signer_seq == 3);
}
