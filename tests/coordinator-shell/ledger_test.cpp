#include "coordinator/ledger.h"

#include <catch2/catch.hpp>

#include "base/file.h"
#include "consortium.h"
#include "coordinator/backup.h"
#include "coordinator/beside_ledger.h"
#include "coordinator/ledger_store.h"
#include "crypto/hash.h"
#include "provenance/erasure.h"
#include "storage/memory_store.h"
#include "storage/rocks_store.h"

using namespace cloister;
using namespace cloister::coordinator;
using namespace cloister::coordinator::testing;

namespace {

Result<void> allow(const provenance::Record&) { return {}; }

struct Bench {
  Bench() : folder(fresh_folder("ledger")), consortium(folder) {}
  ~Bench() { std::filesystem::remove_all(folder); }

  [[nodiscard]] Result<std::unique_ptr<Ledger>> open() {
    return Ledger::open({store, outside, consortium.rules(),
                         consortium.people.at("coordinator").identity, consortium.entropy});
  }
  // Opened, founded, durable.
  std::unique_ptr<Ledger> founded() {
    auto ledger = open().value();
    REQUIRE(ledger->place(consortium.genesis(), allow, SystemClock().now()).has_value());
    REQUIRE(ledger->commit().has_value());
    return ledger;
  }

  std::filesystem::path folder;
  Consortium consortium;
  storage::MemoryStore store;
  OutsideFile outside{folder / "checkpoint"};
};

}  // namespace

TEST_CASE("records are placed, committed, replayed and read, and a repeat gets its old place",
          "[coordinator]") {
  Bench bench;
  auto ledger = bench.open().value();
  const auto genesis = bench.consortium.genesis();
  const auto now = SystemClock().now();
  const auto placed = ledger->place(genesis, allow, now);
  REQUIRE(placed.has_value());
  CHECK(placed->placed.size() == 3);
  CHECK(ledger->size() == 0);  // not durable yet
  REQUIRE(ledger->commit().has_value());
  CHECK(ledger->size() == 3);
  const auto again = ledger->place(genesis, allow, now);
  REQUIRE(again.has_value());
  CHECK(again->placed.empty());
  CHECK(again->receipts == placed->receipts);
  CHECK_FALSE(ledger->has_staged());

  std::size_t replayed = 0;
  REQUIRE(ledger->replay(0, [&](Placed record) -> Result<void> {
    CHECK(record.index == replayed++);
    return {};
  }));
  CHECK(replayed == 3);
  const auto entries = ledger->read({1, 10}, [](const auto&) { return false; });
  REQUIRE(entries->size() == 2);
  CHECK(entries->front().envelope.empty());
  CHECK_FALSE(entries->front().leaf.empty());
}

TEST_CASE("a group is placed whole or not at all, with the reason of the one that was refused",
          "[coordinator]") {
  Bench bench;
  auto ledger = bench.founded();
  std::vector<Bytes> group{
      bench.consortium.bound("owner", protocol::Role::study_owner, "consortium"),
      bench.consortium.bound("agent-a", protocol::Role::site_agent, "a")};
  const auto refusing = [](const provenance::Record& record) -> Result<void> {
    if (record.subjects.front().name != "agent-a") return {};
    return fail(Kind::forbidden, "test.no", "no");
  };
  const auto now = SystemClock().now();
  CHECK(ledger->place(group, refusing, now).error().code == "test.no");
  CHECK_FALSE(ledger->has_staged());
  group[1][50] ^= 1;
  CHECK_FALSE(ledger->place(group, allow, now).has_value());
  CHECK_FALSE(ledger->has_staged());
}

TEST_CASE("a group is judged on top of one that is being written, and is not part of it",
          "[coordinator]") {
  Bench bench;
  auto ledger = bench.founded();
  const auto now = SystemClock().now();
  const std::vector<Bytes> one{
      bench.consortium.bound("owner", protocol::Role::study_owner, "consortium")};
  const std::vector<Bytes> two{bench.consortium.bound("agent-a", protocol::Role::site_agent, "a")};
  const auto all = [](const auto&) { return true; };
  REQUIRE(ledger->place(one, allow, now));
  ledger->seal();
  CHECK_FALSE(ledger->has_staged());
  const auto on_top = ledger->place(two, allow, now);
  REQUIRE(on_top);
  CHECK(on_top->receipts.front().index == 4);
  CHECK(ledger->place(one, allow, now)->placed.empty());  // it has its place already
  auto written = ledger->write_sealed();
  REQUIRE(written);
  CHECK(written->size == 4);
  // On the disk, and not yet known to be.
  CHECK(ledger->size() == 3);
  CHECK(ledger->checkpoint().text.find("\n3\n") != std::string::npos);
  CHECK(ledger->read({3, 10}, all)->empty());
  ledger->adopt(std::move(*written));
  CHECK(ledger->size() == 4);
  CHECK(ledger->placed() == 5);
  CHECK(ledger->read({3, 10}, all)->size() == 1);
  CHECK_FALSE(ledger->place_of(on_top->receipts.front().leaf_hash).value());
  REQUIRE(ledger->commit());
  CHECK(ledger->place_of(on_top->receipts.front().leaf_hash).value() == 4);
  ledger.reset();
  bench.store.power_cut();
  CHECK(bench.open().value()->size() == 5);
}

TEST_CASE("a checkpoint that a power cut took from the database is signed again, byte for byte",
          "[coordinator]") {
  Bench bench;
  auto ledger = bench.founded();
  const auto note = provenance::to_text(ledger->checkpoint());
  ledger.reset();
  bench.store.power_cut();
  CHECK(provenance::to_text(bench.open().value()->checkpoint()) == note);
  CHECK(bench.outside.read().value() == std::vector{note, note});
}

TEST_CASE("what was not committed is gone after a crash, what was, is there", "[coordinator]") {
  Bench bench;
  auto ledger = bench.founded();
  const std::vector<Bytes> more{
      bench.consortium.bound("owner", protocol::Role::study_owner, "consortium")};
  REQUIRE(ledger->place(more, allow, SystemClock().now()).has_value());
  ledger.reset();
  bench.store.power_cut();
  ledger = bench.open().value();
  CHECK(ledger->size() == 3);
}

TEST_CASE("a ledger that is older than its checkpoint outside is refused", "[coordinator]") {
  Bench bench;
  bench.founded();
  const auto old_checkpoint = read_text(bench.folder / "checkpoint").value();
  storage::MemoryStore old_store;
  {
    storage::WriteBatch copy;
    REQUIRE(bench.store.scan({}, {}, [&](BytesView key, BytesView value) {
      copy.put(key, value);
      return true;
    }));
    REQUIRE(old_store.write(copy, storage::Durability::synced));
  }
  auto ledger = bench.open().value();
  const std::vector<Bytes> more{
      bench.consortium.bound("owner", protocol::Role::study_owner, "consortium")};
  REQUIRE(ledger->place(more, allow, SystemClock().now()));
  REQUIRE(ledger->commit());
  ledger.reset();

  const LedgerParts rolled_back{old_store, bench.outside, bench.consortium.rules(),
                                bench.consortium.people.at("coordinator").identity,
                                bench.consortium.entropy};
  CHECK(Ledger::open(rolled_back).error().code == "ledger.rollback");
  REQUIRE(write_text(bench.folder / "checkpoint", old_checkpoint));
  CHECK(Ledger::open(rolled_back).has_value());
  CHECK(bench.open().has_value());  // an older checkpoint outside is extended by the tree ...
  CHECK(Ledger::open(rolled_back).error().code == "ledger.rollback");  // ... and brought up to it
  std::filesystem::remove(bench.folder / "checkpoint");
  CHECK(bench.open().error().code == "ledger.rollback");
  const auto key = crypto::SecretKey::generate(bench.consortium.entropy);  // of another log
  const auto foreign = provenance::sign_checkpoint({bench.consortium.log, {}}, key);
  for (const std::string& text : {std::string("no note"), provenance::to_text(foreign)}) {
    REQUIRE(write_text(bench.folder / "checkpoint", text));
    const auto refused = bench.open();
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code == "ledger.checkpoint");
    CHECK_FALSE(refused.error().next.empty());
  }
}

namespace {

bool holds(const std::filesystem::path& folder, const std::string& words) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    const auto bytes = read_text(entry.path(), 64U << 20);
    REQUIRE(bytes.has_value());
    if (bytes->find(words) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("erased words are in no file of the ledger once the erasure is answered, nor in a backup",
          "[coordinator]") {
  const std::filesystem::path folder = fresh_folder("erased");
  Consortium consortium(folder);
  OutsideFile outside(folder / "checkpoint");
  // No part of the names is found elsewhere, so that a compressed table holds them as they are.
  const std::string name = "Qxzjvwkypf";
  const std::string other_name = "Gbhtmdzluq";
  const std::string words = "Mr " + name + " of room 12";
  const auto now = SystemClock().now();
  const auto open = [&](storage::Store& store) {
    return Ledger::open({store, outside, consortium.rules(),
                         consortium.people.at("coordinator").identity, consortium.entropy})
        .value();
  };
  const auto add = [&](Ledger& ledger, const Bytes& envelope) {
    const auto outcome = ledger.place(std::vector<Bytes>{envelope}, allow, now);
    INFO((outcome ? std::string() : to_string(outcome.error())));
    REQUIRE(outcome.has_value());
    REQUIRE(ledger.commit().has_value());
    return outcome->receipts[0];
  };
  protocol::Receipt about;
  {
    auto store = storage::RocksStore::open(folder / "ledger").value();
    auto ledger = open(*store);
    REQUIRE(ledger->place(consortium.genesis(), allow, now).has_value());
    add(*ledger, consortium.bound("owner", protocol::Role::study_owner, "consortium"));
    provenance::Record record;
    record.kind = provenance::RecordKind::impact_assessed;
    record.subjects = {{"impact", crypto::sha256(as_bytes("impact"))}};
    record.reason = "Ms " + other_name + " of ward 47";
    add(*ledger, consortium.sign("owner", record));
    record.subjects = {{"impact", crypto::sha256(as_bytes("another impact"))}};
    record.reason = words;
    about = add(*ledger, consortium.sign("owner", record));
    CHECK(holds(folder / "ledger", name));
  }
  {
    auto store = storage::RocksStore::open(folder / "ledger").value();
    auto ledger = open(*store);
    CHECK_FALSE(ledger->has_erased());
    const LedgerStore reader(*store);
    const auto stored = provenance::stored_record(reader, about.index).value();
    // The kept fold may hold the words as well.
    storage::WriteBatch fold;
    fold.put(as_bytes("Xfold"), as_bytes("a head"));
    fold.put(as_bytes("Xfold/study/heart"), as_bytes("of: " + words));
    REQUIRE(store->write(fold, storage::Durability::synced));
    add(*ledger, consortium.sign("root", provenance::erasure_of(stored).value()));
    CHECK(fold_keys(*store)->empty());
    CHECK(ledger->has_erased());
    CHECK_FALSE(holds(folder / "ledger", name));
    CHECK(holds(folder / "ledger", other_name));  // so the search finds what is there
    std::size_t replayed = 0;
    REQUIRE(ledger->replay(0, [&](const Placed& placed) -> Result<void> {
      if (placed.index == about.index) CHECK(placed.record.reason == provenance::erased_words);
      ++replayed;
      return {};
    }));
    CHECK(replayed == ledger->size());
  }
  REQUIRE(back_up(folder, folder / "copy").has_value());
  CHECK_FALSE(holds(folder / "copy", name));
  CHECK(holds(folder / "copy", other_name));
  auto store = storage::RocksStore::open(folder / "copy" / "ledger").value();
  CHECK(provenance::stored_record(LedgerStore(*store), about.index)->erased.has_value());
  store.reset();
  std::filesystem::remove_all(folder);
}

TEST_CASE("records that reached the disk before their checkpoint are signed at the next start",
          "[coordinator]") {
  Bench bench;
  auto ledger = bench.founded();
  const auto checkpoint = provenance::to_text(ledger->checkpoint());
  const std::vector<Bytes> more{
      bench.consortium.bound("owner", protocol::Role::study_owner, "consortium")};
  REQUIRE(ledger->place(more, allow, SystemClock().now()));
  REQUIRE(ledger->commit());
  ledger.reset();
  // As if the process had died between the two writes.
  storage::WriteBatch batch;
  batch.erase(provenance::key::checkpoint(4));
  REQUIRE(bench.store.write(batch, storage::Durability::synced));
  REQUIRE(write_text(bench.folder / "checkpoint", checkpoint));
  ledger = bench.open().value();
  CHECK(ledger->size() == 4);
  CHECK(ledger->checkpoint().text.find("\n4\n") != std::string::npos);
}
