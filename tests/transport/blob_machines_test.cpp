// The upload and download machines against coordinators that lose, reorder, repeat and lie.
#include <catch2/catch.hpp>
#include <deque>
#include <map>

#include "base/prng.h"
#include "crypto/hash.h"
#include "crypto/start.h"
#include "protocol/limits.h"
#include "transport/blob_download.h"
#include "transport/blob_upload.h"

using namespace cloister;
using namespace cloister::transport;
using protocol::BlobData;
using protocol::BlobState;

namespace {

constexpr std::uint32_t chunk = 1'000;

Bytes content_of(std::size_t size) {
  REQUIRE(crypto::start());
  Prng prng(size);
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(prng.next());
  return bytes;
}

protocol::BlobOpen opening(const Bytes& content) {
  return {crypto::sha256(content), content.size(), JobId::trusted("job")};
}

template <class T, class Actions>
std::vector<T> all(const Actions& actions) {
  std::vector<T> found;
  for (const auto& action : actions) {
    if (const auto* one = std::get_if<T>(&action)) found.push_back(*one);
  }
  return found;
}

// A coordinator that takes chunks in order only, as ours does, and forgets on command.
struct Store {
  Digest digest;
  std::uint64_t size = 0;
  Bytes durable;
  bool open = false;
  [[nodiscard]] BlobState state() const {
    return {digest, size, durable.size(), durable.size() == size, 8};
  }
};

// Runs one upload; `mischief` decides what happens to each sending.
struct UploadRun {
  enum class Fate { delivered, refused, restarted, late };

  explicit UploadRun(const Bytes& bytes)
      : content(bytes),
        machine(opening(bytes), chunk),
        store{crypto::sha256(bytes), bytes.size(), {}, false} {}

  void take(BlobUpload::Actions actions) {
    for (auto& action : actions) queue.push_back(std::move(action));
    most_under_way = std::max(most_under_way, machine.under_way());
  }

  void run(const std::function<Fate()>& fate) {
    take(machine.start());
    for (int steps = 0; !queue.empty() && steps < 100'000; ++steps) {
      BlobUpload::Action action = std::move(queue.front());
      queue.pop_front();
      step(action, fate);
    }
  }

  void step(BlobUpload::Action& action, const std::function<Fate()>& fate) {
    if (std::holds_alternative<BlobUpload::Open>(action)) {
      store.open = true;
      take(machine.on_state(store.state()));
    } else if (auto* read = std::get_if<BlobUpload::Read>(&action)) {
      const auto from = content.begin() + static_cast<std::ptrdiff_t>(read->offset);
      take(machine.on_read(read->offset, Bytes(from, from + read->length)));
    } else if (auto* send = std::get_if<BlobUpload::Send>(&action)) {
      deliver(*send, fate());
    } else if (auto* progress = std::get_if<BlobUpload::Progress>(&action)) {
      progressed = progress->durable;
    } else if (std::holds_alternative<BlobUpload::Done>(action)) {
      done = true;
    } else if (auto* failed = std::get_if<BlobUpload::Failed>(&action)) {
      error = failed->error;
    }
  }

  void deliver(BlobUpload::Send& send, Fate fate) {
    if (fate == Fate::late) {  // overtaken by whatever is in the queue
      queue.emplace_back(std::in_place_type<BlobUpload::Send>, std::move(send));
      return;
    }
    if (fate == Fate::restarted) {  // loses what was not yet durable, knows no upload
      store.open = false;
      store.durable.resize(store.durable.size() / chunk * chunk);
    }
    CHECK(send.request.length == send.payload.size());
    ++sendings;
    const bool fits = store.open && send.request.offset <= store.durable.size();
    if (fate == Fate::refused || !fits) {
      take(machine.on_chunk_refused(send.request.offset, {Kind::stale, "blob.gap", "", ""}));
      return;
    }
    if (send.request.offset == store.durable.size()) append(store.durable, send.payload);
    take(machine.on_sent(send.request.offset, store.state()));
  }

  const Bytes& content;
  BlobUpload machine;
  Store store;
  std::deque<BlobUpload::Action> queue;
  std::size_t most_under_way = 0;
  std::uint64_t progressed = 0;
  int sendings = 0;
  bool done = false;
  Error error;
};

}  // namespace

TEST_CASE("an upload sends every chunk once and never more than its credit at a time",
          "[transport]") {
  for (std::size_t size : {std::size_t{1}, std::size_t{999}, std::size_t{1'000}, std::size_t{1'001},
                           std::size_t{50'500}}) {
    const Bytes content = content_of(size);
    UploadRun run(content);
    run.run([] { return UploadRun::Fate::delivered; });
    CHECK(run.done);
    CHECK(run.store.durable == content);
    CHECK(run.sendings == static_cast<int>((size + chunk - 1) / chunk));
    CHECK(run.most_under_way <= protocol::limits::chunk_credit);
    CHECK(run.progressed == size);
  }
}

TEST_CASE("an upload goes on at the durable byte that the coordinator reports", "[transport]") {
  const Bytes content = content_of(20'000);
  UploadRun run(content);
  run.store.durable.assign(content.begin(), content.begin() + 12'000);
  run.run([] { return UploadRun::Fate::delivered; });
  CHECK(run.done);
  CHECK(run.sendings == 8);
  CHECK(run.store.durable == content);
}

TEST_CASE("a blob that is there already is not sent, an empty one is done at once", "[transport]") {
  const Bytes content = content_of(5'000);
  UploadRun run(content);
  run.store.durable = content;
  run.run([] { return UploadRun::Fate::delivered; });
  CHECK(run.done);
  CHECK(run.sendings == 0);
  UploadRun empty{Bytes()};
  const Bytes nothing;
  BlobUpload machine(opening(nothing), chunk);
  CHECK(all<BlobUpload::Done>(machine.on_state({crypto::sha256(nothing), 0, 0, true, 8})).size() ==
        1);
}

TEST_CASE("whatever a coordinator loses, delays or restarts, the blob arrives whole",
          "[transport]") {
  const Bytes content = content_of(60'300);
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    Prng prng(seed);
    UploadRun run(content);
    run.run([&] {
      const std::uint64_t dice = prng.below(100);
      if (dice < 4) return UploadRun::Fate::refused;
      if (dice < 8) return UploadRun::Fate::restarted;
      if (dice < 20) return UploadRun::Fate::late;
      return UploadRun::Fate::delivered;
    });
    REQUIRE(run.done);
    REQUIRE(run.store.durable == content);
    REQUIRE(run.most_under_way <= protocol::limits::chunk_credit);
  }
}

TEST_CASE("a coordinator that keeps losing its place fails the upload in the end", "[transport]") {
  const Bytes content = content_of(5'000);
  UploadRun run(content);
  run.run([] { return UploadRun::Fate::refused; });
  CHECK_FALSE(run.done);
  CHECK(run.error.code == "blob.no_progress");
  CHECK(run.machine.finished());
}

TEST_CASE("a final refusal, or talk of another blob, fails the upload", "[transport]") {
  const Bytes content = content_of(5'000);
  BlobUpload forbidden(opening(content), chunk);
  (void)forbidden.start();
  const auto failed = all<BlobUpload::Failed>(
      forbidden.on_open_refused({Kind::forbidden, "blob.not_released", "", ""}));
  REQUIRE(failed.size() == 1);
  CHECK(failed[0].error.code == "blob.not_released");
  CHECK(forbidden.on_state({}).empty());

  BlobUpload other(opening(content), chunk);
  const auto wrong = all<BlobUpload::Failed>(other.on_state({Digest{}, 5'000, 0, false, 8}));
  REQUIRE(wrong.size() == 1);
  CHECK(wrong[0].error.code == "blob.other");
}

TEST_CASE("a coordinator that refuses the opening as stale is asked again, not for ever",
          "[transport]") {
  const Bytes content = content_of(5'000);
  BlobUpload machine(opening(content), chunk);
  auto actions = machine.start();
  int opened = 0;
  while (!all<BlobUpload::Open>(actions).empty()) {
    ++opened;
    actions = machine.on_open_refused({Kind::stale, "blob.closed", "", ""});
  }
  CHECK(opened == 11);
  CHECK(all<BlobUpload::Failed>(actions).size() == 1);
}

TEST_CASE("a credit without measure is not obeyed", "[transport]") {
  const Bytes content = content_of(50'000);
  BlobUpload machine(opening(content), chunk);
  const auto reads = all<BlobUpload::Read>(
      machine.on_state({crypto::sha256(content), content.size(), 0, false, 4'000'000'000U}));
  CHECK(reads.size() == protocol::limits::chunk_credit);
  BlobUpload starved(opening(content), chunk);
  CHECK(all<BlobUpload::Read>(
            starved.on_state({crypto::sha256(content), content.size(), 0, false, 0}))
            .size() == 1);
}

TEST_CASE("a download puts chunks in order whatever order they come in", "[transport]") {
  const Bytes content = content_of(25'300);
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    INFO("seed " << seed);
    Prng prng(seed);
    BlobDownload machine(crypto::sha256(content), content.size(), chunk);
    std::vector<protocol::BlobGet> asked;
    Bytes written;
    bool done = false;
    auto take = [&](const BlobDownload::Actions& actions) {
      for (const auto& get : all<BlobDownload::Get>(actions)) asked.push_back(get.request);
      for (const auto& write : all<BlobDownload::Write>(actions)) {
        REQUIRE(write.offset == written.size());
        append(written, write.bytes);
      }
      done = done || !all<BlobDownload::Done>(actions).empty();
    };
    take(machine.start());
    while (!asked.empty()) {
      REQUIRE(asked.size() <= protocol::limits::chunk_credit);
      const std::size_t pick = prng.below(asked.size());
      const protocol::BlobGet get = asked[pick];
      asked.erase(asked.begin() + static_cast<std::ptrdiff_t>(pick));
      const std::size_t end = std::min(content.size(), get.offset + get.length);
      Bytes payload(content.begin() + static_cast<std::ptrdiff_t>(get.offset),
                    content.begin() + static_cast<std::ptrdiff_t>(end));
      const BlobData data{crypto::sha256(content), content.size(), get.offset};
      take(machine.on_data(get.offset, data, payload));
      CHECK(machine.on_data(get.offset, data, payload).empty());  // a repetition changes nothing
    }
    REQUIRE(done);
    REQUIRE(written == content);
  }
}

TEST_CASE("a download resumes after what is there already", "[transport]") {
  const Bytes content = content_of(2'500);
  BlobDownload machine(crypto::sha256(content), content.size(), chunk);
  machine.already_there(BytesView(content).first(2'000));
  const auto gets = all<BlobDownload::Get>(machine.start());
  REQUIRE(gets.size() == 1);
  CHECK(gets[0].request.offset == 2'000);
  const BlobData data{crypto::sha256(content), content.size(), 2'000};
  const auto actions = machine.on_data(2'000, data, Bytes(content.begin() + 2'000, content.end()));
  CHECK(all<BlobDownload::Done>(actions).size() == 1);
}

TEST_CASE("a download refuses wrong sizes, offsets, lengths and bytes", "[transport]") {
  const Bytes content = content_of(1'500);
  const Digest digest = crypto::sha256(content);
  const Bytes first(content.begin(), content.begin() + 1'000);
  auto code = [&](const BlobData& data, const Bytes& payload) {
    BlobDownload machine(digest, 2'000, chunk);
    (void)machine.start();
    const auto failed = all<BlobDownload::Failed>(machine.on_data(0, data, payload));
    return failed.empty() ? "" : failed[0].error.code;
  };
  CHECK(code({digest, 1'500, 0}, first) == "");
  CHECK(code({digest, 2'001, 0}, first) == "blob.too_large");
  CHECK(code({Digest{}, 1'500, 0}, first) == "blob.inconsistent");
  CHECK(code({digest, 1'500, 500}, first) == "blob.inconsistent");
  CHECK(code({digest, 1'500, 0}, Bytes(999)) == "blob.inconsistent");
  CHECK(code({digest, 800, 0}, Bytes(800)) == "blob.inconsistent");  // not the promised bytes
  CHECK(code({digest, 0, 0}, {}) == "blob.inconsistent");
}
