#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/prng.h"
#include "crypto/hash.h"
#include "storage/blob_folder.h"
#include "storage/blob_store.h"
#include "storage/wrap_store.h"
#include "tests/support/small_disk.h"
#include "tests/support/temp_folder.h"

using namespace cloister;
using namespace cloister::storage;

namespace {

const MemberId site_a = MemberId::trusted("site-a");
const MemberId site_b = MemberId::trusted("site-b");

Bytes content(std::size_t size, std::uint64_t seed = 1) {
  Prng prng(seed);
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(prng.next());
  return bytes;
}

BlobTicket ticket_for(const Bytes& bytes, const MemberId& owner = site_a) {
  return {crypto::sha256(bytes), bytes.size(), owner};
}

std::unique_ptr<BlobStore> opened(const std::filesystem::path& folder, BlobLimits limits = {}) {
  auto store = BlobStore::open(folder, limits);
  if (!store) FAIL(to_string(store.error()));
  return std::move(*store);
}

std::size_t files_in(const std::filesystem::path& folder) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    count += entry.is_regular_file() ? 1 : 0;
  }
  return count;
}

}  // namespace

TEST_CASE("a blob is visible once it is whole and true, and not before", "[storage]") {
  const test::TempFolder folder;
  const auto store = opened(folder.path());
  const Bytes bytes = content(300000);
  const BlobTicket ticket = ticket_for(bytes);
  auto writer = store->begin(ticket);
  REQUIRE(writer.has_value());
  CHECK(store->begin(ticket).error().code == "blob.busy");
  CHECK(store->abandon(ticket.digest).error().code == "blob.busy");
  const BytesView view(bytes);
  REQUIRE(writer->write(0, view.first(100000)).has_value());
  CHECK(writer->write(0, view.first(100000)).has_value());  // a repeat
  CHECK(writer->received() == 100000);
  CHECK(writer->write(200000, view.subspan(200000)).error().code == "blob.gap");
  CHECK(writer->finish().error().code == "blob.incomplete");
  CHECK(writer->write(90000, view.subspan(90000)).has_value());  // overlaps what is there
  CHECK(writer->write(299999, view.first(2)).error().code == "blob.size");
  CHECK(writer->write(UINT64_MAX, view.first(2)).error().code == "blob.size");
  CHECK_FALSE(store->exists(ticket.digest));
  REQUIRE(writer->finish().has_value());
  CHECK(writer->finish().error().code == "blob.closed");

  CHECK(store->exists(ticket.digest));
  CHECK(store->size(ticket.digest).value() == 300000);
  CHECK(store->owner(ticket.digest).value() == site_a);
  CHECK(store->check(ticket.digest).has_value());
  CHECK(store->begin(ticket).error().code == "blob.exists");
  const auto reader = store->read(ticket.digest);
  REQUIRE(reader.has_value());
  CHECK(reader->read(299990, 100)->size() == 10);
  CHECK(reader->read(300000, 100)->empty());
  CHECK(reader->read(UINT64_MAX, 100)->empty());
  const Bytes middle = *reader->read(1000, 5000);
  CHECK(std::equal(middle.begin(), middle.end(), bytes.begin() + 1000));
  CHECK(files_in(folder.path() / "site-a") == 1);
}

TEST_CASE("bytes that are not what was announced are thrown away", "[storage]") {
  const test::TempFolder folder;
  const auto store = opened(folder.path());
  const Bytes bytes = content(1000);
  BlobTicket ticket = ticket_for(bytes);
  ticket.digest.bytes[0] ^= 1;
  auto writer = store->begin(ticket);
  REQUIRE(writer->write(0, bytes).has_value());
  CHECK(writer->finish().error().code == "blob.digest");
  CHECK(store->used() == 0);
  CHECK(files_in(folder.path() / "site-a") == 0);
  CHECK(store->partials().empty());
}

TEST_CASE("an upload goes on at its durable end after a restart", "[storage]") {
  const test::TempFolder folder;
  const Bytes bytes = content(500000);
  const BlobTicket ticket = ticket_for(bytes);
  const BytesView view(bytes);
  const auto part = folder.path() / "site-a" / (to_hex(ticket.digest) + ".part");
  {
    const auto store = opened(folder.path(), {.sync_every_bytes = 100000});
    auto writer = store->begin(ticket);
    for (std::size_t at = 0; at < 250000; at += 10000) {
      REQUIRE(writer->write(at, view.subspan(at, 10000)).has_value());
    }
    CHECK(writer->received() == 250000);
    CHECK(writer->durable() == 200000);
  }
  // A power cut: unsynced bytes are garbage, and the last line of the state is torn.
  std::filesystem::resize_file(part, 200000);
  std::filesystem::resize_file(part, 260000);
  const auto state = folder.path() / "site-a" / (to_hex(ticket.digest) + ".state");
  std::ofstream(state, std::ios::app) << "2999";

  const auto store = opened(folder.path());
  REQUIRE(store->partials().size() == 1);
  CHECK(store->partials()[0].durable == 200000);
  CHECK(store->used_by(site_a) == 500000);
  BlobTicket other = ticket;
  other.size += 1;
  CHECK(store->begin(other).error().code == "blob.other");
  auto writer = store->begin(ticket);
  REQUIRE(writer.has_value());
  CHECK(writer->received() == 200000);
  REQUIRE(writer->write(200000, view.subspan(200000)).has_value());
  REQUIRE(writer->finish().has_value());
  CHECK(store->check(ticket.digest).has_value());
  CHECK(files_in(folder.path() / "site-a") == 1);
}

TEST_CASE("whole blocks and what is left over arrive as they were sent, wherever they begin",
          "[storage]") {
  const test::TempFolder folder;
  const Bytes bytes = content((5 << 20) + 4097);
  const BytesView view(bytes);
  Prng prng(7);
  for (const std::size_t largest :
       {std::size_t{4096}, std::size_t{1} << 20, std::size_t{3} << 20}) {
    const auto store = opened(folder.path() / std::to_string(largest));
    auto writer = store->begin(ticket_for(bytes));
    REQUIRE(writer.has_value());
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t pages = 1 + prng.below(largest / 4096);
      const std::size_t size =
          std::min(prng.below(4) == 0 ? pages * 4096 - 1 : pages * 4096, bytes.size() - at);
      REQUIRE(writer->write(at, view.subspan(at, size)).has_value());
      at += size;
      if (prng.below(5) == 0) REQUIRE(writer->sync().has_value());
    }
    REQUIRE(writer->finish().has_value());
    CHECK(store->check(ticket_for(bytes).digest).has_value());
  }
}

TEST_CASE("what a crash left behind is cleared, and what is not ours is left alone", "[storage]") {
  const test::TempFolder folder;
  const Bytes bytes = content(100);
  const std::string hex = to_hex(crypto::sha256(bytes));
  {
    const auto store = opened(folder.path());
    REQUIRE(store->put(bytes, site_a).has_value());
  }
  const auto own = folder.path() / "site-a";
  REQUIRE(write_text(own / (hex + ".state"), "cloister blob 1 100\n").has_value());
  REQUIRE(write_text(own / (std::string(64, 'a') + ".part"), "no state").has_value());
  REQUIRE(write_text(own / (std::string(64, 'b') + ".part"), "x").has_value());
  REQUIRE(write_text(own / (std::string(64, 'b') + ".state"), "cloister blob 1 9").has_value());
  REQUIRE(write_text(own / (std::string(64, 'c') + ".part"), "x").has_value());
  REQUIRE(
      write_text(own / (std::string(64, 'c') + ".state"), "cloister blob 1 9\n5\n").has_value());
  REQUIRE(write_text(own / "notes.txt", "a person's").has_value());
  std::filesystem::create_symlink("/etc/passwd", own / std::string(64, 'd'));
  std::filesystem::create_directory_symlink("/etc", folder.path() / "site-z");
  const auto store = opened(folder.path());
  CHECK(store->blobs().size() == 1);
  CHECK(store->partials().empty());
  CHECK(store->used() == 100);
  CHECK(files_in(own) >= 2);
  CHECK(std::filesystem::exists(own / "notes.txt"));
  CHECK_FALSE(std::filesystem::exists(own / (hex + ".state")));
  CHECK_FALSE(std::filesystem::exists(own / (std::string(64, 'c') + ".part")));
  CHECK(store->begin(ticket_for(bytes, MemberId::trusted("site-z"))).error().code == "blob.exists");
  CHECK_FALSE(store->put(content(5), MemberId::trusted("site-z")).has_value());  // a link
}

TEST_CASE("quotas hold for one blob, one owner and the whole store", "[storage]") {
  const test::TempFolder folder;
  const auto store = opened(
      folder.path(),
      {.total_bytes = 2000, .owner_bytes = 1200, .blob_bytes = 900, .partials_per_owner = 2});
  CHECK(store->begin(ticket_for(content(901))).error().code == "blob.quota");
  REQUIRE(store->put(content(900), site_a).has_value());
  const auto refused = store->put(content(301), site_a);
  CHECK(refused.error().code == "blob.quota");
  CHECK(refused.error().kind == Kind::exhausted);
  REQUIRE(store->put(content(300), site_a).has_value());
  CHECK(store->put(content(801, 2), site_b).error().code == "blob.quota");
  REQUIRE(store->put(content(800, 2), site_b).has_value());
  CHECK(store->used() == 2000);
  CHECK(store->used_by(site_a) == 1200);
  REQUIRE(store->erase(crypto::sha256(content(900))).has_value());
  CHECK(store->erase(crypto::sha256(content(900))).error().code == "blob.not_found");
  CHECK(store->used() == 1100);

  const auto first = store->begin(ticket_for(content(10, 3)));
  const auto second = store->begin(ticket_for(content(10, 4)));
  CHECK(store->begin(ticket_for(content(10, 5))).error().code == "blob.too_many");
  REQUIRE((first.has_value() && second.has_value()));
}

TEST_CASE("an abandoned upload gives its reservation back", "[storage]") {
  const test::TempFolder folder;
  const auto store = opened(folder.path());
  const BlobTicket ticket = ticket_for(content(100));
  {
    auto writer = store->begin(ticket);
    REQUIRE(writer->write(0, content(50)).has_value());
  }
  CHECK(store->used() == 100);
  REQUIRE(store->abandon(ticket.digest).has_value());
  CHECK(store->used() == 0);
  CHECK(files_in(folder.path() / "site-a") == 0);
  CHECK(store->abandon(ticket.digest).error().code == "blob.not_found");
}

TEST_CASE("a blob that the disk changed is noticed", "[storage]") {
  const test::TempFolder folder;
  const auto store = opened(folder.path());
  const Digest digest = *store->put(content(1000), site_a);
  const auto path = folder.path() / "site-a" / to_hex(digest);
  REQUIRE(write_file(path, content(1000, 2)).has_value());
  CHECK(store->check(digest).error().code == "blob.corrupt");
  std::filesystem::resize_file(path, 10);
  CHECK(store->read(digest)->read(0, 1000).error().code == "blob.corrupt");
}

TEST_CASE("two processes cannot use the same blob folder", "[storage]") {
  const test::TempFolder folder;
  const auto store = opened(folder.path());
  CHECK(BlobStore::open(folder.path()).error().code == "blob.locked");
}

TEST_CASE("an empty blob is a blob", "[storage]") {
  const test::TempFolder folder;
  const auto store = opened(folder.path());
  const Digest digest = *store->put({}, site_a);
  CHECK(store->size(digest).value() == 0);
  CHECK(store->check(digest).has_value());
  CHECK(opened(folder.path() / "other")->blobs().empty());
}

TEST_CASE("a full disk stops an upload with a clear error and it goes on later", "[storage]") {
  const test::TempFolder folder;
  const auto disk = folder.path();
  test::on_a_small_disk(disk, [&] {
    const Bytes bytes = content(700000);
    auto store = std::move(*BlobStore::open(disk));
    if (!write_file(disk / "ballast", content(600000)).has_value()) return 1;
    {
      auto writer = store->begin(ticket_for(bytes));
      bool stopped = false;
      for (std::size_t at = 0; at < bytes.size() && !stopped; at += 100000) {
        const auto written = writer->write(at, BytesView(bytes).subspan(at, 100000));
        if (!written && written.error().code != "blob.disk_full") return 2;
        stopped = !written.has_value();
      }
      if (!stopped) return 3;
    }
    std::filesystem::remove(disk / "ballast");
    auto writer = store->begin(ticket_for(bytes));
    if (!writer) return 4;
    const std::uint64_t at = writer->received();
    if (!writer->write(at, BytesView(bytes).subspan(at)) || !writer->finish()) return 5;
    return store->check(crypto::sha256(bytes)).has_value() ? 0 : 6;
  });
}

TEST_CASE("many open uploads take no memory of their own, and three descriptors each",
          "[storage]") {
  const test::TempFolder folder;
  const auto store = opened(folder.path());
  const auto pages = [] {
    std::size_t all = 0;
    std::size_t resident = 0;
    std::ifstream("/proc/self/statm") >> all >> resident;
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  };
  const auto descriptors = [] {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator("/proc/self/fd"),
                      std::filesystem::directory_iterator()));
  };
  const Bytes chunk = content(512 << 10);
  std::vector<BlobWriter> open;
  const auto begin = [&](std::uint64_t number) {
    auto writer = store->begin({crypto::sha256(be64(number)), 2 * chunk.size(), site_a});
    REQUIRE(writer);
    REQUIRE(writer->write(0, chunk));
    open.push_back(std::move(*writer));
  };
  begin(0);
  const std::size_t memory = pages();
  const std::size_t files = descriptors();
  for (std::uint64_t number = 1; number <= 40; ++number) begin(number);
  CHECK(descriptors() <= files + 40 * 3);
  CHECK(pages() < memory + (8U << 20));
}

TEST_CASE("the state of an upload is read from any bytes without harm", "[storage]") {
  using storage::detail::parse_state;
  CHECK(parse_state("cloister blob 1 100\n50\n20\n")->durable == 50);
  CHECK(parse_state("cloister blob 1 100\n101\n")->durable == 0);
  CHECK(parse_state("cloister blob 1 100\n\n5\n7")->durable == 5);
  for (std::string_view bad : {"", "\n", "cloister blob 1 100", "cloister blob 1 x\n", "-1\n"}) {
    CHECK_FALSE(parse_state(bad).has_value());
  }
  Prng prng(3);
  for (int run = 0; run < 2000; ++run) {
    std::string wild = "cloister blob 1 100\n50\n";
    for (int i = 0; i < 4; ++i) wild[prng.below(wild.size())] = static_cast<char>(prng.next());
    const auto state = parse_state(wild);
    if (state) CHECK(state->durable <= state->size);
  }
}

TEST_CASE("key wraps are kept by object and reader and destroyed together", "[storage]") {
  const test::TempFolder folder;
  auto store = *WrapStore::open(folder.path() / "wraps");
  const Digest object = crypto::sha256(as_bytes("shard"));
  const Digest other = crypto::sha256(as_bytes("other"));
  const MemberId trainer = MemberId::trusted("trainer");
  REQUIRE(store.put(object, trainer, as_bytes("wrap 1")).has_value());
  REQUIRE(store.put(object, site_a, as_bytes("wrap 2")).has_value());
  REQUIRE(store.put(other, trainer, as_bytes("wrap 3")).has_value());
  CHECK(store.put(object, trainer, as_bytes("wrap 1")).has_value());
  CHECK(store.put(object, trainer, as_bytes("wrap X")).error().code == "wrap.exists");
  CHECK(store.put(object, trainer, {}).error().code == "wrap.format");
  CHECK(as_text(*store.get(object, trainer)) == "wrap 1");
  CHECK(store.readers(object).value() == std::vector<MemberId>{site_a, trainer});

  CHECK(store.erase(object).value() == std::vector<MemberId>{site_a, trainer});
  CHECK(store.get(object, trainer).error().code == "wrap.not_found");
  CHECK(store.erase(object)->empty());
  CHECK(as_text(*store.get(other, trainer)) == "wrap 3");
  CHECK(files_in(folder.path() / "wraps") == 1);
}
