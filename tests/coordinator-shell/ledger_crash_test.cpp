// The ledger on a disk that fails on purpose: power cuts, failing syncs, a full disk, and a file
// beside it that cannot be written; with groups written one after another, or each while the next
// one is judged. CLOISTER_LEDGER_CYCLES and CLOISTER_CRASH_SEED choose how many
// and which (the long run: 10,000); a failure prints its seed.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <future>

#include "base/prng.h"
#include "consortium.h"
#include "coordinator/ledger.h"
#include "coordinator/ledger_store.h"
#include "crypto/hash.h"
#include "storage/rocks_store.h"
#include "tests/support/fault_disk.h"

using namespace cloister;
using namespace cloister::coordinator;
using namespace cloister::coordinator::testing;
using provenance::Record;

namespace {

std::uint64_t setting(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

Result<void> allow(const Record&) { return {}; }

// The file outside: two blocks in turn, durable when it says so. When told to it fails, and then
// leaves half a note where the older one was.
class Beside final : public Outside {
 public:
  [[nodiscard]] Result<std::vector<std::string>> read() const override {
    if (newer.empty()) return fail(Kind::not_found, "test.none", "none");
    return std::vector<std::string>{older, newer};
  }
  [[nodiscard]] Result<void> keep(const std::string& note) override {
    if (fails_at > 0 && --fails_at == 0) {
      failed = true;
      if (!newer.empty()) older = note.substr(0, note.size() / 2);
      return fail(Kind::exhausted, "test.full", "No room.");
    }
    older = std::exchange(newer, note);
    return {};
  }
  std::string older, newer;
  std::uint64_t fails_at = 0;
  bool failed = false;
};

test::Faults random_faults(Prng& prng, Beside& beside) {
  test::Faults faults;
  switch (prng.below(5)) {
    case 0:
      faults.power_cut_at_sync = 1 + prng.below(30);
      break;
    case 1:
      faults.failing_sync = 1 + prng.below(30);
      break;
    case 2:
      faults.full_after_bytes = prng.below(60'000);
      break;
    case 3:
      beside.fails_at = 1 + prng.below(6);
      break;
    default:
      break;  // the cut comes after the last write
  }
  return faults;
}

class Cycles {
 public:
  explicit Cycles(std::uint64_t seed) : seed_(seed) {}
  ~Cycles() { std::filesystem::remove_all(folder_); }

  void run(std::uint64_t cycle) {
    Prng prng(seed_ * 1'000'003 + cycle);
    beside_.fails_at = 0;
    beside_.failed = false;
    test::FaultDisk disk(random_faults(prng, beside_));
    {
      auto store = storage::RocksStore::open(folder_ / "ledger",
                                             {.write_buffer_bytes = 64 << 10, .env = disk.env()});
      if (!store) {
        REQUIRE(disk.happened());
      } else {
        work(**store, prng, disk);
        disk.cut_power();
      }
    }
    faults += disk.happened() || beside_.failed ? 1 : 0;
    disk.settle(prng);
    beside_.fails_at = 0;
    const test::FaultDisk sound({});
    const auto store = storage::RocksStore::open(folder_ / "ledger", {.env = sound.env()});
    REQUIRE(store);
    const auto ledger = open(**store);
    INFO((ledger ? std::string() : to_string(ledger.error())));
    REQUIRE(ledger);  // so no checkpoint was kept that the tree cannot back
    check(**store, **ledger);
  }
  std::uint64_t acknowledged = 0;  // records that somebody was told of
  std::uint64_t faults = 0;
  std::uint64_t judged_in_vain = 0;  // groups on top of one whose write failed, or never happened

 private:
  [[nodiscard]] Result<std::unique_ptr<Ledger>> open(storage::Store& store) {
    return Ledger::open({store, beside_, consortium_.rules(),
                         consortium_.people.at("coordinator").identity, consortium_.entropy});
  }
  void work(storage::Store& store, Prng& prng, const test::FaultDisk& disk) {
    auto ledger = open(store);
    if (!ledger) {
      REQUIRE((disk.happened() || beside_.failed));
      return;
    }
    REQUIRE((*ledger)->size() >= acknowledged);
    if ((*ledger)->size() == 0) {
      for (auto& [name, person] : consortium_.people) {
        person.seq = 0;
        person.last = {};
      }
      if (!place(**ledger, consortium_.genesis(), disk)) return;
    }
    follow(**ledger);
    const std::uint64_t groups = prng.below(12);
    if (prng.chance(0.5)) return overlap(**ledger, groups, prng, disk);
    for (std::uint64_t i = 0; i < groups; ++i) {
      if (!place(**ledger, some(prng), disk)) return;
    }
  }
  std::vector<Bytes> some(Prng& prng) {
    std::vector<Bytes> group;
    for (std::uint64_t n = 1 + prng.below(3); n > 0; --n) group.push_back(thing());
    return group;
  }
  // Each group is written on a thread of its own while the next one is judged on top of it.
  void overlap(Ledger& ledger, std::uint64_t groups, Prng& prng, const test::FaultDisk& disk) {
    std::future<Result<Ledger::Written>> writing;
    const auto is_written = [&] {
      if (!writing.valid()) return true;
      auto written = writing.get();
      if (written) {
        ledger.adopt(std::move(*written));
        acknowledged = ledger.size();
        return true;
      }
      REQUIRE((disk.happened() || beside_.failed));
      return false;
    };
    for (std::uint64_t i = 0; i < groups; ++i) {
      const auto placed = ledger.place(some(prng), allow, SystemClock().now());
      if (!placed || !is_written()) {
        if (placed) in_vain(*placed);
        REQUIRE((disk.happened() || beside_.failed));
        return;
      }
      ledger.seal();
      if (prng.below(20) == 0) {  // killed before the write began, the next group judged
        if (auto next = ledger.place(some(prng), allow, SystemClock().now())) in_vain(*next);
        return;
      }
      writing = std::async(std::launch::async, [&ledger] { return ledger.write_sealed(); });
    }
    static_cast<void>(is_written());
  }
  void in_vain(const Ledger::Outcome& outcome) {
    judged_in_vain += 1;
    for (const auto& receipt : outcome.receipts) never_written_.push_back(receipt.leaf_hash);
  }
  bool place(Ledger& ledger, const std::vector<Bytes>& group, const test::FaultDisk& disk) {
    const auto placed = ledger.place(group, allow, SystemClock().now());
    const auto committed = placed ? ledger.commit() : Result<void>(pass(placed));
    if (committed) {
      acknowledged = ledger.size();
      return true;
    }
    REQUIRE((disk.happened() || beside_.failed));
    return false;
  }
  // What signers write next is what the ledger says.
  void follow(const Ledger& ledger) {
    const auto state = ledger.signer(MemberId::trusted("trainer")).value();
    consortium_.people.at("trainer").seq = state.last_seq;
    consortium_.people.at("trainer").last = state.last_leaf;
  }
  Bytes thing() {
    Record record;
    record.kind = provenance::RecordKind::model_produced;
    record.subjects = {{"model", crypto::sha256(as_bytes(std::to_string(++made_)))}};
    return consortium_.sign("trainer", std::move(record));
  }
  void check(const storage::Store& store, const Ledger& ledger) {
    REQUIRE(ledger.size() >= acknowledged);
    const LedgerStore reader(store);
    REQUIRE(provenance::checked_head(reader)->size == ledger.size());
    std::uint64_t count = 0;
    REQUIRE(ledger.replay(0, [&](Placed placed) -> Result<void> {
      REQUIRE(placed.index == count++);
      return {};
    }));
    REQUIRE(count == ledger.size());
    for (const Digest& leaf : never_written_) REQUIRE_FALSE(ledger.place_of(leaf).value());
    acknowledged = ledger.size();
  }

  std::uint64_t seed_;
  std::filesystem::path folder_ = fresh_folder("ledger-crash");
  Consortium consortium_{folder_};
  Beside beside_;
  std::vector<Digest> never_written_;
  std::uint64_t made_ = 0;
};

}  // namespace

TEST_CASE("no acknowledged record is lost and no checkpoint is ahead of its tree, whatever fails",
          "[coordinator]") {
  const std::uint64_t cycles = setting("CLOISTER_LEDGER_CYCLES", 150);
  const std::uint64_t seed = setting("CLOISTER_CRASH_SEED", 1);
  std::uint64_t faults = 0;
  std::uint64_t records = 0;
  std::uint64_t in_vain = 0;
  for (std::uint64_t cycle = 0; cycle < cycles;) {
    Cycles life(seed + cycle);  // a new ledger every 25 cycles
    for (int i = 0; i < 25 && cycle < cycles; ++i, ++cycle) {
      INFO("CLOISTER_CRASH_SEED=" << seed << ", cycle " << cycle);
      life.run(cycle);
    }
    faults += life.faults;
    records += life.acknowledged;
    in_vain += life.judged_in_vain;
  }
  WARN(cycles << " cycles, " << faults << " with a fault, " << records << " records kept, "
              << in_vain << " groups judged on top of one that was never written");
  CHECK(in_vain > cycles / 20);
  CHECK(faults >= cycles / 3);
  CHECK(records > cycles);
}
