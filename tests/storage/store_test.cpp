#include <catch2/catch.hpp>
#include <fstream>
#include <functional>

#include "base/file.h"
#include "base/prng.h"
#include "storage/memory_store.h"
#include "storage/rocks_store.h"
#include "tests/support/temp_folder.h"

using namespace cloister;
using namespace cloister::storage;

namespace {

Bytes key(std::string_view text) { return to_bytes(text); }

void put(Store& store, std::string_view name, std::string_view value) {
  WriteBatch batch;
  batch.put(as_bytes(name), as_bytes(value));
  REQUIRE(store.write(batch, Durability::synced).has_value());
}

std::string names(const Reader& reader, std::string_view prefix, std::string_view from = {}) {
  std::string all;
  const auto visit = [&](BytesView name, BytesView) {
    all += std::string(as_text(name)) + " ";
    return true;
  };
  REQUIRE(reader.scan(as_bytes(prefix), as_bytes(from), visit).has_value());
  return all;
}

std::string last_name(const Reader& reader, std::string_view prefix) {
  const auto entry = reader.last(as_bytes(prefix));
  REQUIRE(entry.has_value());
  return *entry ? std::string(as_text((*entry)->key)) : "none";
}

// The same contract for both twins.
void keeps_the_contract(Store& store) {
  CHECK_FALSE(store.get(key("a"))->has_value());
  CHECK(names(store, "") == "");
  CHECK(last_name(store, "") == "none");
  for (std::string_view name : {"b2", "a1", "b1", "b", "c", "b\xff", "a"}) put(store, name, name);

  CHECK(as_text(**store.get(key("b1"))) == "b1");
  CHECK(names(store, "") == "a a1 b b1 b2 b\xff c ");
  CHECK(names(store, "b") == "b b1 b2 b\xff ");
  CHECK(names(store, "b", "b2") == "b2 b\xff ");
  CHECK(names(store, "b", "a") == "b b1 b2 b\xff ");
  CHECK(names(store, "b", "c") == "");
  CHECK(names(store, "d") == "");
  CHECK(last_name(store, "b") == "b\xff");
  CHECK(last_name(store, "b1") == "b1");
  CHECK(last_name(store, "") == "c");
  CHECK(last_name(store, "bb") == "none");
  CHECK(collect(store, key("b"), 2)->size() == 2);
  CHECK(collect(store, key("b"), 0)->empty());

  const auto before = store.snapshot();
  WriteBatch batch;
  batch.put(key("b1"), key("first"));
  batch.put(key("b1"), key("second"));
  batch.erase(key("b2"));
  batch.put(key("new"), {});
  batch.erase(key("never there"));
  REQUIRE(store.write(batch, Durability::buffered).has_value());
  CHECK(as_text(**store.get(key("b1"))) == "second");
  CHECK_FALSE(store.get(key("b2"))->has_value());
  CHECK((*store.get(key("new")))->empty());
  CHECK(as_text(**before->get(key("b1"))) == "b1");
  CHECK(names(*before, "b") == "b b1 b2 b\xff ");
  CHECK(last_name(*before, "n") == "none");
  REQUIRE(store.write(WriteBatch(), Durability::synced).has_value());
}

}  // namespace

TEST_CASE("the store in memory keeps the contract", "[storage]") {
  MemoryStore store;
  keeps_the_contract(store);
}

TEST_CASE("the store on disk keeps the contract", "[storage]") {
  const test::TempFolder folder;
  const auto store = RocksStore::open(folder.path() / "store");
  REQUIRE(store.has_value());
  keeps_the_contract(**store);
}

TEST_CASE("both stores answer alike after the same thousand random batches", "[storage]") {
  const test::TempFolder folder;
  MemoryStore memory;
  const auto rocks =
      RocksStore::open(folder.path() / "store", {.write_buffer_bytes = 64 << 10});  // flushes often
  REQUIRE(rocks.has_value());
  Prng prng(5);
  const auto random_key = [&] {
    Bytes name(prng.below(2) == 0 ? 1 + prng.below(3) : 33 + prng.below(9),
               static_cast<std::uint8_t>(prng.below(3)));
    for (auto& byte : name) {
      if (prng.below(8) == 0)
        byte = prng.below(2) == 0 ? 0xff : static_cast<std::uint8_t>(prng.next());
    }
    return name;
  };
  for (int round = 0; round < 1000; ++round) {
    WriteBatch batch;
    for (std::uint64_t i = prng.below(6); i > 0; --i) {
      if (prng.below(4) == 0) {
        batch.erase(random_key());
      } else {
        batch.put(random_key(), Bytes(prng.below(300), static_cast<std::uint8_t>(round)));
      }
    }
    REQUIRE(memory.write(batch, Durability::buffered).has_value());
    REQUIRE((*rocks)->write(batch, Durability::buffered).has_value());
    const Bytes probe = random_key();
    const Bytes prefix(probe.begin(),
                       probe.begin() + static_cast<long>(prng.below(probe.size() + 1)));
    REQUIRE(memory.get(probe) == (*rocks)->get(probe));
    REQUIRE(memory.last(prefix) == (*rocks)->last(prefix));
    REQUIRE(collect(memory, prefix, 50) == collect(**rocks, prefix, 50));
  }
  CHECK(collect(memory, {}, 100000) == collect(**rocks, {}, 100000));
}

TEST_CASE("synced writes are there after opening again", "[storage]") {
  const test::TempFolder folder;
  for (int run = 0; run < 3; ++run) {
    const auto store = RocksStore::open(folder.path());
    REQUIRE(store.has_value());
    CHECK(collect(**store, {}, 10)->size() == static_cast<std::size_t>(run));
    put(**store, std::to_string(run), "x");
  }
  const auto copy = folder.path() / "copy";
  {
    const auto store = RocksStore::open(folder.path());
    REQUIRE((*store)->copy_to(copy).has_value());
    put(**store, "later", "x");
  }
  const auto reader = RocksStore::open(copy, {.read_only = true});
  REQUIRE(reader.has_value());
  CHECK(collect(**reader, {}, 10)->size() == 3);
  WriteBatch batch;
  batch.put(key("a"), key("b"));
  CHECK_FALSE((*reader)->write(batch, Durability::synced).has_value());
}

TEST_CASE("two processes cannot open the same store, and the second is told so", "[storage]") {
  const test::TempFolder folder;
  const auto first = RocksStore::open(folder.path());
  REQUIRE(first.has_value());
  const auto second = RocksStore::open(folder.path());
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().code == "store.locked");
  CHECK(second.error().kind == Kind::conflict);
}

TEST_CASE("a store of another version and a missing one are told apart", "[storage]") {
  const test::TempFolder folder;
  CHECK(RocksStore::open(folder.path() / "none", {.read_only = true}).error().kind ==
        Kind::not_found);
  REQUIRE(write_text(folder.path() / "VERSION", "cloister store 999\n").has_value());
  CHECK(RocksStore::open(folder.path()).error().code == "store.version");
}

TEST_CASE("a damaged store is refused or answers with an error, and never lies", "[storage]") {
  const test::TempFolder folder;
  {
    const auto store = RocksStore::open(folder.path(), {.write_buffer_bytes = 64 << 10});
    for (int i = 0; i < 2000; ++i) {
      WriteBatch batch;
      batch.put(key(fmt::format("{:05}", i)), Bytes(200, static_cast<std::uint8_t>(i)));
      REQUIRE((*store)->write(batch, Durability::buffered).has_value());
    }
  }
  std::size_t tables = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path() / "db")) {
    if (entry.path().extension() != ".sst") continue;
    Bytes content = *read_file(entry.path());
    content[content.size() / 3] ^= 0xff;
    REQUIRE(write_file(entry.path(), content).has_value());
    ++tables;
  }
  REQUIRE(tables > 0);
  const auto store = RocksStore::open(folder.path());
  if (!store) {
    CHECK(store.error().code == "store.corrupt");
    return;
  }
  std::size_t refused = 0;
  for (int i = 0; i < 2000; ++i) {
    const auto value = (*store)->get(key(fmt::format("{:05}", i)));
    if (!value) {
      CHECK(value.error().code == "store.corrupt");
      ++refused;
    } else {
      CHECK((*value).value() == Bytes(200, static_cast<std::uint8_t>(i)));
    }
  }
  CHECK(refused > 0);
}

TEST_CASE("a power cut takes back only what was not synced", "[storage]") {
  MemoryStore store;
  put(store, "kept", "1");
  WriteBatch batch;
  batch.put(key("lost"), key("2"));
  REQUIRE(store.write(batch, Durability::buffered).has_value());
  store.power_cut();
  CHECK(names(store, "") == "kept ");
}

TEST_CASE("the key after a prefix is the next one without that prefix", "[storage]") {
  CHECK(after_prefix(key("a")) == key("b"));
  CHECK(after_prefix(key("a\xff\xff")) == key("b"));
  CHECK(after_prefix(key("\xff")).empty());
  CHECK(after_prefix({}).empty());
}

TEST_CASE("what a key held before a purge is in no file of the store any more", "[storage]") {
  const test::TempFolder folder;
  const std::string secret = "a sentence that must be forgotten";
  const auto is_on_disk = [&] {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder.path())) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string bytes((std::istreambuf_iterator<char>(file)), {});
      if (bytes.find(secret) != std::string::npos) return true;
    }
    return false;
  };
  {
    const auto store = RocksStore::open(folder.path() / "store");
    put(**store, "E1", secret);
    put(**store, "E2", "neighbour");
    CHECK(is_on_disk());
  }
  {
    const auto store = RocksStore::open(folder.path() / "store");  // now in a table file
    put(**store, "E1", secret + " twice");
    put(**store, "E1", "what is left");
    CHECK(is_on_disk());
    REQUIRE((*store)->purge({key("E1")}).has_value());
    CHECK_FALSE(is_on_disk());
    CHECK(as_text(**(*store)->get(key("E1"))) == "what is left");
    CHECK(as_text(**(*store)->get(key("E2"))) == "neighbour");
  }
  CHECK_FALSE(is_on_disk());
}
