// Seeded crashes of the store on a disk that fails on purpose. CLOISTER_CRASH_CYCLES and
// CLOISTER_CRASH_SEED choose how many and which; a failure prints its seed.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/prng.h"
#include "storage/rocks_store.h"
#include "tests/support/fault_disk.h"
#include "tests/support/temp_folder.h"

using namespace cloister;
using namespace cloister::storage;

namespace {

constexpr std::uint64_t kept_items = 40;

std::uint64_t setting(const char* name, std::uint64_t fallback) {
  const char* text = std::getenv(name);
  return text == nullptr ? fallback : std::strtoull(text, nullptr, 10);
}

Bytes item_key(std::uint64_t number) {
  Bytes key = to_bytes("i");
  append(key, be64(number));
  return key;
}

Bytes item_value(std::uint64_t number) {
  Prng prng(number);
  return Bytes(1 + prng.below(3000), static_cast<std::uint8_t>(prng.next()));
}

// Item `number` comes, item `number - kept_items` goes, the count moves on: all or nothing.
WriteBatch step(std::uint64_t number) {
  WriteBatch batch;
  batch.put(item_key(number), item_value(number));
  if (number > kept_items) batch.erase(item_key(number - kept_items));
  batch.put(as_bytes("count"), be64(number));
  return batch;
}

// How far the store is, having checked that it is exactly in the state after that step.
std::uint64_t consistent_count(const Store& store) {
  const auto count = store.get(as_bytes("count"));
  REQUIRE(count.has_value());
  const std::uint64_t present = *count ? read_be64(**count) : 0;
  const auto items = collect(store, as_bytes("i"), 100000);
  REQUIRE(items.has_value());
  REQUIRE(items->size() == std::min(present, kept_items));
  std::uint64_t number = present > kept_items ? present - kept_items : 0;
  for (const Entry& item : *items) {
    ++number;
    REQUIRE(item.key == item_key(number));
    REQUIRE(item.value == item_value(number));
  }
  return present;
}

test::Faults random_faults(Prng& prng) {
  test::Faults faults;
  switch (prng.below(4)) {
    case 0:
      faults.power_cut_at_sync = 1 + prng.below(40);
      break;
    case 1:
      faults.failing_sync = 1 + prng.below(40);
      break;
    case 2:
      faults.full_after_bytes = prng.below(120'000);
      break;
    default:
      break;  // the cut comes after the last write
  }
  return faults;
}

struct Tally {
  std::uint64_t acknowledged = 0;  // synced, so it must come back
  std::uint64_t attempted = 0;     // may come back
  std::uint64_t faults = 0;
  std::uint64_t failed_opens = 0;
};

void run_cycle(const std::filesystem::path& folder, Prng& prng, Tally& tally) {
  test::FaultDisk disk(random_faults(prng));
  {
    auto store = RocksStore::open(folder, {.write_buffer_bytes = 64 << 10, .env = disk.env()});
    if (!store) {
      INFO(to_string(store.error()));
      REQUIRE(disk.happened());  // only our own faults may keep it from opening
      tally.failed_opens += 1;
    } else {
      const std::uint64_t present = consistent_count(**store);
      INFO("present " << present << ", acknowledged " << tally.acknowledged);
      REQUIRE(present >= tally.acknowledged);
      REQUIRE(present <= tally.attempted);
      std::uint64_t number = present;
      for (std::uint64_t i = prng.below(60); i > 0; --i) {
        const auto durability = prng.chance(0.5) ? Durability::synced : Durability::buffered;
        tally.attempted = std::max(tally.attempted, ++number);
        const auto written = (*store)->write(step(number), durability);
        if (!written) {
          REQUIRE(disk.happened());
          REQUIRE((*store)->write(step(number), durability).error().code == "store.read_only");
          break;
        }
        if (durability == Durability::synced) tally.acknowledged = number;
      }
      disk.cut_power();
    }
  }
  tally.faults += disk.happened() ? 1 : 0;
  disk.settle(prng);
  // What came back decides what the next cycle may see.
  const test::FaultDisk sound({});  // never fails, and spares us the true syncs
  const auto store = RocksStore::open(folder, {.env = sound.env()});
  INFO((store ? std::string() : to_string(store.error())));
  REQUIRE(store.has_value());
  const std::uint64_t present = consistent_count(**store);
  INFO("after the cut " << present << ", acknowledged " << tally.acknowledged);
  REQUIRE(present >= tally.acknowledged);
  REQUIRE(present <= tally.attempted);
  tally.acknowledged = tally.attempted = present;
}

}  // namespace

TEST_CASE(
    "no acknowledged write is lost and no batch is halved by power cuts, failing syncs and full "
    "disks",
    "[storage]") {
  const std::uint64_t cycles = setting("CLOISTER_CRASH_CYCLES", 200);
  const std::uint64_t seed = setting("CLOISTER_CRASH_SEED", 1);
  const test::TempFolder folder;
  Tally tally;
  for (std::uint64_t cycle = 0; cycle < cycles; ++cycle) {
    const auto own = folder.path() / std::to_string(cycle / 50);  // a new store every 50 cycles
    if (cycle % 50 == 0) tally.acknowledged = tally.attempted = 0;
    Prng prng(seed * 1'000'003 + cycle);
    INFO("CLOISTER_CRASH_SEED=" << seed << ", cycle " << cycle);
    run_cycle(own, prng, tally);
  }
  CHECK(tally.faults >= cycles * 3 / 4);
  if (cycles >= 100) CHECK(tally.failed_opens > 0);  // the faults reach the opening as well
}

TEST_CASE("the failing disk does lose what was not synced", "[storage]") {
  // Otherwise the test above would prove nothing.
  std::uint64_t lost = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const test::TempFolder folder;
    test::FaultDisk disk({});
    Prng prng(seed);
    {
      auto store = RocksStore::open(folder.path(), {.env = disk.env()});
      REQUIRE(store.has_value());
      REQUIRE((*store)->write(step(1), Durability::synced).has_value());
      for (std::uint64_t number = 2; number <= 10; ++number) {
        REQUIRE((*store)->write(step(number), Durability::buffered).has_value());
      }
      disk.cut_power();
    }
    disk.settle(prng);
    const auto store = RocksStore::open(folder.path());
    REQUIRE(store.has_value());
    const std::uint64_t present = consistent_count(**store);
    CHECK(present >= 1);
    lost += 10 - present;
  }
  CHECK(lost > 0);
}
