// The performer while a group is being written: what was judged on top of it, and what is asked
// meanwhile, is answered when all of it is durable, or never.
#include "coordinator/perform.h"

#include <catch2/catch.hpp>

#include "consortium.h"
#include "failing_store.h"
#include "provenance/stored.h"

using namespace cloister;
using namespace cloister::coordinator;
using namespace cloister::coordinator::testing;

namespace {

// A founded coordinator whose writes happen when the test says so.
struct World {
  World() : folder(fresh_folder("perform")), consortium(folder) {
    ledger = open();
    blobs = BlobFolders::open(folder, {}).value();
    performer = std::make_unique<Performer>(
        core, Stores{*ledger, *blobs, registry, store},
        Answering{[this](Token token, const protocol::Reply& reply, BytesView) {
                    answers.emplace(token, reply);
                  },
                  [this] { wants_wake_up = true; },
                  [this](std::function<void()> write) { begun = std::move(write); },
                  [this](const Error& error) { broken = error; }});
    REQUIRE(performer->restore(consortium.genesis(), times()));
    REQUIRE(ledger->size() == 3);
  }
  ~World() { std::filesystem::remove_all(folder); }

  [[nodiscard]] std::unique_ptr<Ledger> open() {
    return Ledger::open({store, outside, consortium.rules(),
                         consortium.people.at("coordinator").identity, consortium.entropy})
        .value();
  }
  [[nodiscard]] static Performer::Times times() {
    return {SystemClock().now(), SystemClock().now()};
  }
  void ask(Token token, protocol::Request request) {
    performer->handle(RequestArrived{token, MemberId::trusted("root"), std::move(request)},
                      times());
  }
  void submit(Token token, const std::string& member, protocol::Role role) {
    ask(token, protocol::Submit{{consortium.bound(member, role, member)}});
  }
  // What the loop does in its next wake-up.
  void wake_up() {
    REQUIRE(std::exchange(wants_wake_up, false));
    performer->woken(times());
  }
  void write() {
    REQUIRE(begun);
    std::exchange(begun, {})();
  }
  [[nodiscard]] std::uint64_t head_of(Token token) const {
    const auto& receipts = std::get<protocol::Receipts>(answers.at(token));
    return provenance::parse_checkpoint(provenance::parse_note(as_text(receipts.checkpoint))->text)
        ->head.size;
  }

  std::filesystem::path folder;
  Consortium consortium;
  FailingStore store;
  OutsideFile outside{folder / "checkpoint"};
  std::unique_ptr<Ledger> ledger;
  std::unique_ptr<BlobFolders> blobs;
  Coordinator core;
  Registry registry;
  std::unique_ptr<Performer> performer;
  std::map<Token, protocol::Reply> answers;
  std::function<void()> begun;
  bool wants_wake_up = false;
  std::optional<Error> broken;
};

}  // namespace

TEST_CASE(
    "a group is judged while the one before it is written, and each is answered when it is "
    "durable",
    "[coordinator]") {
  World world;
  world.submit(1, "owner", protocol::Role::study_owner);
  world.wake_up();
  world.submit(2, "agent-a", protocol::Role::site_agent);
  CHECK(world.ledger->placed() == 4);
  world.wake_up();
  CHECK(world.ledger->placed() == 5);
  world.write();
  CHECK_FALSE(world.begun);  // the end of the write under way begins the next one
  CHECK(world.answers.empty());
  CHECK(world.ledger->size() == 3);
  world.performer->written(World::times());
  CHECK(world.answers.size() == 1);
  CHECK(world.head_of(1) == 4);
  world.write();
  CHECK(world.answers.size() == 1);
  world.performer->written(World::times());
  CHECK(world.head_of(2) == 5);
  CHECK_FALSE(world.begun);
}

TEST_CASE("what is asked while something is not durable waits for it", "[coordinator]") {
  World world;
  world.ask(1, protocol::FetchSigner{MemberId::trusted("root")});
  CHECK(world.answers.size() == 1);
  world.submit(2, "owner", protocol::Role::study_owner);
  world.ask(3,
            protocol::FetchSigner{MemberId::trusted("root")});  // would tell of the record before
  world.ask(4, protocol::Poll{});
  CHECK(world.ledger->placed() == 4);  // judged before anything of another kind is looked at
  world.ask(5, protocol::Submit{{to_bytes("no record")}});
  CHECK(world.answers.size() == 1);
  world.wake_up();
  world.write();
  world.performer->written(World::times());
  CHECK(world.answers.size() == 5);
  CHECK(std::get<protocol::SignerState>(world.answers.at(3)).last_seq ==
        std::get<protocol::SignerState>(world.answers.at(1)).last_seq + 1);
}

TEST_CASE("a repeat of something that is being written is answered with it", "[coordinator]") {
  World world;
  const Bytes owner = world.consortium.bound("owner", protocol::Role::study_owner, "consortium");
  world.ask(1, protocol::Submit{{owner}});
  world.wake_up();
  world.ask(2, protocol::Submit{{owner}});
  world.wake_up();
  CHECK(world.answers.empty());
  world.write();
  world.performer->written(World::times());
  CHECK(world.head_of(1) == 4);
  CHECK(world.head_of(2) == 4);
  CHECK_FALSE(world.begun);
}

TEST_CASE("a failed write ends it, and nothing that was judged on top of it is ever answered",
          "[coordinator]") {
  World world;
  world.submit(1, "owner", protocol::Role::study_owner);
  world.wake_up();
  world.submit(2, "agent-a", protocol::Role::site_agent);
  world.ask(3, protocol::FetchSigner{MemberId::trusted("root")});
  world.store.fails = true;
  world.write();
  world.performer->written(World::times());
  REQUIRE(world.broken);
  CHECK(world.broken->code == "test.fails");
  world.store.fails = false;  // even if the disk came back
  world.ask(4, protocol::FetchSigner{MemberId::trusted("root")});
  world.submit(5, "agent-b", protocol::Role::site_agent);
  world.performer->woken(World::times());
  CHECK_FALSE(world.begun);
  CHECK(world.performer->finish(World::times()));
  CHECK(world.answers.empty());
  world.store.power_cut();
  CHECK(world.open()->size() == 3);
}

TEST_CASE("a clean end makes durable what arrived, what was judged and what was just written",
          "[coordinator]") {
  World world;
  world.submit(1, "owner", protocol::Role::study_owner);
  world.wake_up();
  world.submit(2, "agent-a", protocol::Role::site_agent);
  world.wake_up();
  world.submit(3, "agent-b", protocol::Role::site_agent);
  world.write();
  REQUIRE(world.performer->finish(World::times()));
  world.store.power_cut();
  CHECK(world.open()->size() == 6);
}

TEST_CASE("submissions that arrive together are judged one by one, in their order",
          "[coordinator]") {
  World world;
  const Bytes first = world.consortium.bound("owner", protocol::Role::study_owner, "consortium");
  const Bytes second = world.consortium.bound("agent-a", protocol::Role::site_agent, "a");
  const Bytes third = world.consortium.bound("agent-b", protocol::Role::site_agent, "b");
  world.ask(1, protocol::Submit{{first}});
  world.ask(2, protocol::Submit{{third}});  // before the one that its signer made before it
  world.ask(3, protocol::Submit{{second, to_bytes("no record")}});  // all or nothing
  world.ask(4, protocol::Submit{{second}});
  world.ask(5, protocol::Submit{{third}});
  CHECK(world.ledger->placed() == 3);
  world.wake_up();
  CHECK(world.ledger->placed() == 6);
  world.write();
  world.performer->written(World::times());
  const auto code = [&](Token token) {
    return std::get<protocol::Refused>(world.answers.at(token)).error.code;
  };
  CHECK(std::get<protocol::Receipts>(world.answers.at(1)).receipts.front().index == 3);
  CHECK(code(2) == "sequencer.out_of_order");
  CHECK(code(3) == "sequencer.format");
  CHECK(std::get<protocol::Receipts>(world.answers.at(4)).receipts.front().index == 4);
  CHECK(std::get<protocol::Receipts>(world.answers.at(5)).receipts.front().index == 5);
}

TEST_CASE("a member that was revoked just before sends nothing more", "[coordinator]") {
  World world;
  world.submit(1, "agent-a", protocol::Role::site_agent);
  world.wake_up();
  world.write();
  world.performer->written(World::times());
  REQUIRE(std::holds_alternative<protocol::Receipts>(world.answers.at(1)));
  const auto& agent = world.consortium.people.at("agent-a").identity;
  provenance::Record revoked;
  revoked.kind = provenance::RecordKind::key_revoked;
  revoked.reason = "lost";
  revoked.subjects = {{"agent-a", provenance::key_digest(agent.sign.public_key())}};
  revoked.details.set("key", to_hex(agent.sign.public_key().view())).set("member", "agent-a");
  world.ask(2, protocol::Submit{{world.consortium.sign("root", revoked)}});
  // It only carries what somebody else signed, whose key is good.
  const Bytes owner = world.consortium.bound("owner", protocol::Role::study_owner, "consortium");
  world.performer->handle(
      RequestArrived{3, MemberId::trusted("agent-a"), protocol::Submit{{owner}}}, World::times());
  world.wake_up();
  world.write();
  world.performer->written(World::times());
  CHECK(std::holds_alternative<protocol::Receipts>(world.answers.at(2)));
  CHECK(std::get<protocol::Refused>(world.answers.at(3)).error.code == "member.revoked");
}

TEST_CASE("many submissions do not wait to be judged until they fill the memory", "[coordinator]") {
  World world;
  for (Token token = 1; token < 64; ++token) world.ask(token, protocol::Submit{{Bytes(8, 'x')}});
  CHECK(world.answers.empty());
  world.ask(64, protocol::Submit{{Bytes(8, 'x')}});
  CHECK(world.answers.size() == 64);
}
