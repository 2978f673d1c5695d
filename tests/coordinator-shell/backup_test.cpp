// Copies of a ledger, and what may not be put back.
#include "coordinator/backup.h"

#include <catch2/catch.hpp>

#include "base/file.h"
#include "consortium.h"
#include "coordinator/ledger.h"
#include "provenance/note.h"
#include "storage/rocks_store.h"

using namespace cloister;
using namespace cloister::coordinator;
using namespace cloister::coordinator::testing;
namespace fs = std::filesystem;

namespace {

Result<void> allow(const provenance::Record&) { return {}; }

struct Home {
  fs::path folder = fresh_folder("backup");
  fs::path home = folder / "home";
  Consortium consortium{folder};
  OutsideFile outside{home / "checkpoint"};

  Home() { REQUIRE(make_folder(home)); }
  ~Home() { fs::remove_all(folder); }

  // Opens the ledger, lets `act` have it, closes it.
  template <class Act>
  void with_ledger(const Act& act) {
    auto store = storage::RocksStore::open(home / "ledger");
    REQUIRE(store);
    auto ledger = Ledger::open({**store, outside, consortium.rules(),
                                consortium.people.at("coordinator").identity, consortium.entropy});
    REQUIRE(ledger);
    act(**ledger);
  }
  void add(const std::vector<Bytes>& envelopes) {
    with_ledger([&](Ledger& ledger) {
      REQUIRE(ledger.place(envelopes, allow, SystemClock().now()));
      REQUIRE(ledger.commit());
    });
  }
  void add_owner() { add({consortium.bound("owner", protocol::Role::study_owner, "consortium")}); }
  [[nodiscard]] RestoreOptions from(const fs::path& backup) const {
    return {backup, consortium.log, {}, false};
  }
  void lose_disk(bool with_checkpoint) const {
    fs::remove_all(home / "ledger");
    if (with_checkpoint) fs::remove(home / "checkpoint");
  }
};

}  // namespace

TEST_CASE("a copy that holds everything that was signed is put back, and serving goes on",
          "[coordinator]") {
  Home world;
  world.add(world.consortium.genesis());
  world.add_owner();
  const auto made = back_up(world.home, world.folder / "copy");
  REQUIRE(made);
  CHECK(made->head.size == 4);
  CHECK(back_up(world.home, world.folder / "copy").error().code == "backup.exists");
  CHECK(restore(world.home, world.from(world.folder / "copy")).error().code == "restore.exists");
  world.lose_disk(false);
  const auto back = restore(world.home, world.from(world.folder / "copy"));
  REQUIRE(back);
  CHECK(back->head == made->head);
  CHECK(back->entries == made->entries);
  world.with_ledger([](Ledger& ledger) { CHECK(ledger.size() == 4); });
  world.add({world.consortium.bound("agent-a", protocol::Role::site_agent, "a")});
}

TEST_CASE("a running coordinator's ledger can be copied", "[coordinator]") {
  Home world;
  world.add(world.consortium.genesis());
  world.with_ledger([&](Ledger&) {
    const auto made = back_up(world.home, world.folder / "copy");
    REQUIRE(made);
    CHECK(made->head.size == 3);
  });
}

TEST_CASE("a copy that is older than what was signed is refused, by each head that tells",
          "[coordinator]") {
  Home world;
  world.add(world.consortium.genesis());
  REQUIRE(back_up(world.home, world.folder / "old"));
  world.add_owner();
  // A site saw the newer head.
  const fs::path seen = world.folder / "seen-by-site-a";
  fs::copy_file(world.home / "checkpoint", seen);
  world.lose_disk(false);
  RestoreOptions options = world.from(world.folder / "old");
  CHECK(restore(world.home, options).error().code == "ledger.rollback");  // the file outside
  fs::remove(world.home / "checkpoint");
  CHECK(restore(world.home, options).error().code == "restore.no_head");
  options.heads = {seen};
  CHECK(restore(world.home, options).error().code == "ledger.rollback");  // the site's head
  CHECK_FALSE(fs::exists(world.home / "ledger"));
  options.accept_loss = true;
  const auto back = restore(world.home, options);
  REQUIRE(back);
  CHECK(back->head.size == 3);
}

TEST_CASE("a copy of another tree is refused even where loss is accepted", "[coordinator]") {
  Home world;
  world.add(world.consortium.genesis());
  REQUIRE(back_up(world.home, world.folder / "fork"));
  world.add_owner();
  const fs::path seen = world.folder / "seen";
  fs::copy_file(world.home / "checkpoint", seen);
  // The other history: the old copy, continued with another record.
  world.lose_disk(true);
  RestoreOptions options = world.from(world.folder / "fork");
  options.accept_loss = true;
  REQUIRE(restore(world.home, options));
  world.consortium.people.at("root").seq -= 1;
  const auto last = world.consortium.people.at("root").last;
  world.with_ledger([&](Ledger& ledger) {
    world.consortium.people.at("root").last = ledger.signer(MemberId::trusted("root"))->last_leaf;
  });
  CHECK(last != world.consortium.people.at("root").last);
  world.add({world.consortium.bound("agent-a", protocol::Role::site_agent, "a")});
  REQUIRE(back_up(world.home, world.folder / "forked"));
  world.lose_disk(true);
  options = world.from(world.folder / "forked");
  options.heads = {seen};
  options.accept_loss = true;
  CHECK(restore(world.home, options).error().code == "ledger.fork");
}

TEST_CASE("a damaged copy is never put back", "[coordinator]") {
  Home world;
  world.add(world.consortium.genesis());
  REQUIRE(back_up(world.home, world.folder / "copy"));
  {
    auto store = storage::RocksStore::open(world.folder / "copy/ledger");
    REQUIRE(store);
    storage::WriteBatch batch;
    batch.put(provenance::key::tile({0, 0}), Bytes(96, 7));
    REQUIRE((*store)->write(batch, storage::Durability::synced));
  }
  world.lose_disk(false);
  CHECK(restore(world.home, world.from(world.folder / "copy")).error().code == "backup.broken");
  CHECK_FALSE(fs::exists(world.home / "ledger"));
}
