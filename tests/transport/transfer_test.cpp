#include "transport/transfer.h"

#include <unistd.h>
#include <catch2/catch.hpp>
#include <filesystem>

#include "base/file.h"
#include "protocol/limits.h"
#include "tests/transport/world.h"

using namespace cloister;
using namespace cloister::transport;
using namespace cloister::transport::testing;
using namespace cloister::protocol;

namespace {

constexpr std::size_t mebibyte = 1U << 20;

// The blob rules of a coordinator, in memory; survives the endpoint, as a disk does.
struct BlobDesk {
  explicit BlobDesk(World& its_world) : world(its_world) {
    world.on_request = [this](Endpoint::Incoming& incoming) { answer(incoming); };
  }

  void answer(Endpoint::Incoming& incoming) {
    if (const auto* open = std::get_if<BlobOpen>(&incoming.request)) {
      digest = open->digest;
      size = open->size;
      world.endpoint->reply(incoming.token, state());
    } else if (const auto* chunk = std::get_if<BlobChunk>(&incoming.request)) {
      take(incoming, *chunk);
    } else if (const auto* get = std::get_if<BlobGet>(&incoming.request)) {
      const std::size_t end = std::min(bytes.size(), get->offset + get->length);
      const BytesView part = BytesView(bytes).subspan(get->offset, end - get->offset);
      world.endpoint->reply(incoming.token, BlobData{get->digest, bytes.size(), get->offset}, part);
    }
  }

  void take(Endpoint::Incoming& incoming, const BlobChunk& chunk) {
    ++chunks;
    if (chunk.offset > bytes.size()) {
      world.endpoint->refuse(incoming.token, {Kind::stale, "blob.gap", "Not yet.", ""});
      return;
    }
    if (chunk.offset == bytes.size()) append(bytes, incoming.payload);
    world.endpoint->reply(incoming.token, state());
  }

  [[nodiscard]] BlobState state() const {
    return {digest, size, bytes.size(), bytes.size() == size, 8};
  }

  World& world;
  Digest digest;
  std::uint64_t size = 0;
  Bytes bytes;
  int chunks = 0;
};

Bytes some_bytes(std::size_t size) {
  Prng prng(size);
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(prng.next());
  return bytes;
}

BlobOpen opening(const Bytes& content) {
  return {crypto::sha256(content), content.size(), JobId::trusted("upload")};
}

}  // namespace

TEST_CASE("a file travels up and down and arrives as it was", "[transport]") {
  World world;
  world.add(world.agent);
  BlobDesk desk(world);
  const Bytes content = some_bytes(5 * mebibyte + 321);
  const auto path = std::filesystem::temp_directory_path() / fmt::format("up-{}", getpid());
  REQUIRE(write_file(path, content));
  auto line = world.connect(world.agent);
  std::optional<Result<void>> done;
  std::vector<std::uint64_t> seen;
  Upload upload(*line, opening(content), read_from_file(path, content.size()).value(),
                {.done = [&](Result<void> result) { done = std::move(result); },
                 .progress = [&](std::uint64_t bytes, std::uint64_t) { seen.push_back(bytes); }});
  REQUIRE(world.wait([&] { return done.has_value(); }, 20'000));
  REQUIRE(*done);
  CHECK(desk.bytes == content);
  CHECK(desk.chunks == 6);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
  CHECK(seen.back() == content.size());

  Bytes back;
  done.reset();
  Download download(
      *line, crypto::sha256(content), 64 * mebibyte,
      [&](BytesView bytes) -> Result<void> {
        append(back, bytes);
        return {};
      },
      {.done = [&](Result<void> result) { done = std::move(result); }, .progress = {}});
  REQUIRE(world.wait([&] { return done.has_value(); }, 20'000));
  REQUIRE(*done);
  CHECK(back == content);
  std::filesystem::remove(path);
}

TEST_CASE("an upload that a restart interrupts goes on at the chunk where it was", "[transport]") {
  World world;
  world.add(world.agent);
  BlobDesk desk(world);
  const Bytes content = some_bytes(24 * mebibyte);
  auto line = world.connect(world.agent);
  std::optional<Result<void>> done;
  Upload upload(*line, opening(content), read_from_memory(content),
                {.done = [&](Result<void> result) { done = std::move(result); }, .progress = {}});
  REQUIRE(world.wait([&] { return desk.bytes.size() >= 10 * mebibyte; }, 20'000));
  world.stop();
  const std::size_t durable = desk.bytes.size();
  REQUIRE(durable < content.size());
  desk.chunks = 0;
  world.wait([] { return false; }, 200);
  world.start();
  REQUIRE(world.wait([&] { return done.has_value(); }, 30'000));
  REQUIRE(*done);
  CHECK(desk.bytes == content);
  // What was under way when it broke is sent again, and nothing before that.
  const auto missing = static_cast<int>((content.size() - durable) / mebibyte);
  CHECK(desk.chunks >= missing);
  CHECK(desk.chunks <= missing + 2 * static_cast<int>(limits::chunk_credit));
}

TEST_CASE("a source that fails, and a file of another size, fail the upload with its name",
          "[transport]") {
  World world;
  world.add(world.agent);
  BlobDesk desk(world);
  const Bytes content = some_bytes(3 * mebibyte);
  auto line = world.connect(world.agent);
  std::optional<Result<void>> done;
  Upload upload(*line, opening(content), read_from_memory(some_bytes(mebibyte)),
                {.done = [&](Result<void> result) { done = std::move(result); }, .progress = {}});
  REQUIRE(world.wait([&] { return done.has_value(); }));
  REQUIRE_FALSE(*done);
  CHECK(done->error().code == "blob.source");
  const auto missing = read_from_file("/nowhere/shard.bin", 10);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == "blob.source");
  CHECK(missing.error().what.find("/nowhere/shard.bin") != std::string::npos);
}

TEST_CASE("a destroyed upload sends nothing more", "[transport]") {
  World world;
  world.add(world.agent);
  BlobDesk desk(world);
  const Bytes content = some_bytes(30 * mebibyte);
  auto line = world.connect(world.agent);
  bool called = false;
  {
    Upload upload(*line, opening(content), read_from_memory(content),
                  {.done = [&](Result<void>) { called = true; }, .progress = {}});
    REQUIRE(world.wait([&] { return desk.chunks >= 2; }, 20'000));
  }
  world.wait([] { return false; }, 300);
  CHECK(desk.chunks < 30);
  CHECK_FALSE(called);
}
