#include "coordinator/fold_store.h"

#include <catch2/catch.hpp>

#include "consortium.h"
#include "coordinator/perform.h"
#include "crypto/hash.h"
#include "protocol/plan.h"
#include "storage/memory_store.h"

using namespace cloister;
using namespace cloister::coordinator;
using namespace cloister::coordinator::testing;

namespace {

Result<void> allow(const provenance::Record&) { return {}; }

// A ledger that grows, and whatever a coordinator would make of it.
struct World {
  World() : folder(fresh_folder("fold")), consortium(folder) {
    ledger = open();
    place(consortium.genesis());
    place({consortium.bound("owner", protocol::Role::study_owner, "consortium"),
           consortium.bound("agent-a", protocol::Role::site_agent, "a")});
    place({opening("heart")});
  }
  ~World() { std::filesystem::remove_all(folder); }

  [[nodiscard]] std::unique_ptr<Ledger> open() {
    auto opened = Ledger::open({store, outside, consortium.rules(),
                                consortium.people.at("coordinator").identity, consortium.entropy});
    REQUIRE(opened.has_value());
    return std::move(*opened);
  }
  void place(const std::vector<Bytes>& envelopes) {
    const auto placed = ledger->place(envelopes, allow, SystemClock().now());
    INFO((placed ? std::string() : to_string(placed.error())));
    REQUIRE(placed.has_value());
    REQUIRE(ledger->commit().has_value());
  }
  [[nodiscard]] Bytes opening(const std::string& study) {
    protocol::StudyPlan plan;
    plan.study = StudyId::trusted(study);
    plan.title = plan.purpose = plan.legal_basis = "a test";
    plan.owner = "owner";
    plan.trainer = "trainer";
    plan.trainer_seal_key = std::string(64, 'a');
    plan.sites = {"a"};
    plan.structures = {"LV"};
    plan.budget = protocol::budget_preset("quick").value();
    plan.gate = protocol::default_thresholds();
    const std::string json = protocol::to_json(plan);
    provenance::Record record;
    record.kind = provenance::RecordKind::study_opened;
    record.study = plan.study;
    record.details.set("plan", json);
    record.subjects = {{"plan", crypto::sha256(as_bytes(json))}};
    return consortium.sign("owner", std::move(record));
  }
  // All of it, record by record.
  [[nodiscard]] Coordinator replayed(std::uint64_t from = 0, Coordinator core = Coordinator()) {
    REQUIRE(ledger->replay(from, [&](Placed placed) -> Result<void> {
      (void)core.on(RecordsPlaced{{std::move(placed)}}, SystemClock().now());
      return {};
    }));
    return core;
  }
  // As a start does it; nothing: everything had to be replayed.
  [[nodiscard]] std::optional<Coordinator> resumed() {
    FoldStore folds(store);
    auto kept = folds.load(*ledger);
    REQUIRE(kept.has_value());
    if (!*kept) return std::nullopt;
    Coordinator core;
    (void)core.resume(std::move((*kept)->fold), (*kept)->size);
    return replayed((*kept)->size, std::move(core));
  }
  void change(BytesView key, const std::function<void(Bytes&)>& how) {
    Bytes value = store.get(key).value().value();
    how(value);
    storage::WriteBatch batch;
    batch.put(key, value);
    REQUIRE(store.write(batch, storage::Durability::synced));
  }

  std::filesystem::path folder;
  Consortium consortium;
  storage::MemoryStore store;
  OutsideFile outside{folder / "checkpoint"};
  std::unique_ptr<Ledger> ledger;
};

const Bytes head_key = to_bytes("Xfold");

}  // namespace

TEST_CASE("a start from a kept fold knows what a whole replay knows", "[coordinator]") {
  World world;
  CHECK_FALSE(world.resumed());
  FoldStore folds(world.store);
  Coordinator core = world.replayed();
  REQUIRE(folds.keep(*world.ledger, core.changed_parts()));
  core.parts_kept();
  CHECK(folds.size() == world.ledger->size());
  CHECK(world.resumed()->has_same_fold(world.replayed()));
  const auto before = world.ledger->size();
  world.place({world.opening("lungs")});
  CHECK(world.resumed()->has_same_fold(world.replayed()));
  core = world.replayed(before, std::move(core));
  REQUIRE(folds.keep(*world.ledger, core.changed_parts()));
  world.place({world.opening("liver")});
  const auto started = world.resumed();
  CHECK(started->has_same_fold(world.replayed()));
  CHECK(started->studies().size() == 3);
}

TEST_CASE("a kill between placing and keeping leaves a fold that the ledger extends",
          "[coordinator]") {
  World world;
  FoldStore folds(world.store);
  REQUIRE(folds.keep(*world.ledger, world.replayed().changed_parts()));
  const std::vector<Bytes> lost{world.opening("lungs")};
  REQUIRE(world.ledger->place(lost, allow, SystemClock().now()));
  world.ledger.reset();
  world.store.power_cut();
  world.ledger = world.open();
  CHECK(world.resumed()->has_same_fold(world.replayed()));
}

TEST_CASE("a kept fold that is damaged, of another build or of another ledger is thrown away",
          "[coordinator]") {
  World world;
  const auto smaller = world.open();  // has read its size
  world.place({world.opening("lungs")});
  FoldStore folds(world.store);
  REQUIRE(folds.keep(*world.ledger, world.replayed().changed_parts()));
  REQUIRE(world.resumed());
  const storage::MemoryStore good = world.store;

  SECTION("any byte of the head or of a part") {
    const auto entries = storage::collect(world.store, head_key, 100).value();
    REQUIRE(entries.size() == 5);  // the head, members, index, two studies
    for (const auto& [key, value] : entries) {
      for (std::size_t at = 0; at < value.size(); at += 1 + value.size() / 97) {
        world.store = good;
        world.change(key, [&](Bytes& bytes) { bytes[at] ^= 1; });
        CHECK_FALSE(world.resumed());
      }
    }
  }
  SECTION("a part that is gone, or that nobody listed") {
    storage::WriteBatch batch;
    batch.erase(to_bytes("Xfold/study/lungs"));
    REQUIRE(world.store.write(batch, storage::Durability::synced));
    CHECK_FALSE(world.resumed());
    world.store = good;
    batch = {};
    batch.put(to_bytes("Xfold/study/more"), as_bytes("more"));
    REQUIRE(world.store.write(batch, storage::Durability::synced));
    CHECK_FALSE(world.resumed());
  }
  SECTION("another build, with a head that is whole") {
    world.change(head_key, [&](Bytes& bytes) {
      std::string text(as_text(bytes).substr(0, bytes.size() - 64));
      const auto at = text.find(fold_build());
      REQUIRE(at != std::string::npos);
      text[at] = text[at] == 'a' ? 'b' : 'a';
      bytes = to_bytes(text + to_hex(crypto::sha256(as_bytes(text))));
    });
    CHECK_FALSE(world.resumed());
  }
  SECTION("more records than there are") {
    FoldStore elsewhere(world.store);
    CHECK_FALSE(elsewhere.load(*smaller).value());
  }
  SECTION("and then written anew, with nothing of the old one left") {
    storage::WriteBatch batch;
    batch.put(to_bytes("Xfold/study/more"), as_bytes("more"));
    REQUIRE(world.store.write(batch, storage::Durability::synced));
    FoldStore again(world.store);
    REQUIRE_FALSE(again.load(*world.ledger).value());
    REQUIRE(again.keep(*world.ledger, world.replayed().changed_parts()));
    CHECK(world.resumed()->has_same_fold(world.replayed()));
  }
}

TEST_CASE("a kept fold of another history of the same length is thrown away", "[coordinator]") {
  World one;
  World other;
  REQUIRE(one.ledger->size() == other.ledger->size());
  FoldStore folds(one.store);
  REQUIRE(folds.keep(*one.ledger, one.replayed().changed_parts()));
  storage::WriteBatch batch;
  REQUIRE(one.store.scan(head_key, {}, [&](BytesView key, BytesView value) {
    batch.put(key, value);
    return true;
  }));
  REQUIRE(other.store.write(batch, storage::Durability::synced));
  CHECK_FALSE(other.resumed());
}
