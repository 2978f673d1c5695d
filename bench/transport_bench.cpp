// Upload over loopback with everything on, against a bare ZeroMQ CURVE pipe of the same frames in
// the same run, in turns. Client and coordinator are two threads with a loop each, as two processes
// would be. Usage: transport_bench [MiB a round] [rounds]; blobs go to CLOISTER_BENCH_FOLDER or
// /tmp.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <thread>
#include <zmq.hpp>

#include "crypto/hash.h"
#include "crypto/start.h"
#include "protocol/limits.h"
#include "storage/blob_store.h"
#include "transport/endpoint.h"
#include "transport/transfer.h"

using namespace cloister;
using namespace cloister::transport;

namespace {

constexpr std::size_t chunk_bytes = protocol::limits::chunk_bytes_max;

crypto::Identity identity(const char* name, std::uint64_t seed) {
  crypto::SeededEntropy entropy(seed);
  return crypto::generate_identity(MemberId::trusted(name), "bench", entropy);
}

class OneMember final : public MemberRegistry {
 public:
  explicit OneMember(const crypto::Identity& who)
      : entry_{.member = who.id,
               .role = protocol::Role::site_agent,
               .site = "site",
               .sign = who.sign.public_key(),
               .curve = who.curve.public_key()} {}
  [[nodiscard]] std::optional<MemberEntry> find(const MemberId&) const override { return entry_; }
  [[nodiscard]] std::optional<MemberEntry> find_by_curve(
      const crypto::CurvePublicKey&) const override {
    return entry_;
  }

 private:
  MemberEntry entry_;
};

struct Figures {
  double seconds = 0;
  double cpu_seconds = 0;  // of all threads, input and output of the sockets included
};

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Figures measured(const std::function<void()>& work) {
  const SystemClock clock;
  const Duration start = clock.monotonic();
  const double cpu = cpu_seconds();
  work();
  return {static_cast<double>((clock.monotonic() - start).count()) / 1e3, cpu_seconds() - cpu};
}

// What the library alone can do: the same frames, encrypted, one way, nothing done with them.
void bare_pipe(const crypto::Identity& server, const crypto::Identity& client, std::size_t chunks) {
  zmq::context_t context(2);
  zmq::socket_t pull(context, zmq::socket_type::pull);
  pull.set(zmq::sockopt::curve_server, true);
  pull.set(zmq::sockopt::curve_secretkey, as_text(server.curve.secret()));
  pull.set(zmq::sockopt::rcvhwm, 16);
  pull.bind("tcp://127.0.0.1:*");
  std::thread sender([&] {
    zmq::socket_t push(context, zmq::socket_type::push);
    push.set(zmq::sockopt::curve_serverkey, as_text(server.curve.public_key().view()));
    push.set(zmq::sockopt::curve_publickey, as_text(client.curve.public_key().view()));
    push.set(zmq::sockopt::curve_secretkey, as_text(client.curve.secret()));
    push.set(zmq::sockopt::sndhwm, 16);
    push.connect(pull.get(zmq::sockopt::last_endpoint));
    const Bytes chunk(chunk_bytes, 7);
    for (std::size_t i = 0; i < chunks; ++i) (void)push.send(zmq::buffer(chunk));
  });
  zmq::message_t message;
  for (std::size_t i = 0; i < chunks; ++i) (void)pull.recv(message);
  sender.join();
}

// The coordinator's side: a blob store on disk behind the endpoint.
class Coordinator {
 public:
  Coordinator(const crypto::Identity& own, const crypto::Identity& member,
              const std::filesystem::path& folder)
      : members_(member), store_(storage::BlobStore::open(folder).value()) {
    endpoint_ = Endpoint::open({loop_, own, entropy_}, members_, {"127.0.0.1", 0},
                               [this](Endpoint::Incoming incoming) { answer(incoming); })
                    .value();
    port_ = endpoint_->bound_address().port;
    thread_ = std::thread([this] {
      while (!stop_) (void)loop_.run_until([this] { return stop_.load(); }, Duration(200));
    });
  }
  ~Coordinator() {
    stop_ = true;
    thread_.join();
  }
  Coordinator(const Coordinator&) = delete;
  Coordinator& operator=(const Coordinator&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void answer(Endpoint::Incoming& incoming) {
    if (const auto* open = std::get_if<protocol::BlobOpen>(&incoming.request)) {
      open_ = *open;
      writer_.emplace(store_->begin({open->digest, open->size, incoming.member}).value());
      endpoint_->reply(incoming.token, state(false));
      return;
    }
    const auto& chunk = std::get<protocol::BlobChunk>(incoming.request);
    if (!writer_->write(chunk.offset, incoming.payload)) std::abort();
    const bool last = writer_->received() == open_.size;
    if (last && !writer_->finish()) std::abort();
    endpoint_->reply(incoming.token, state(last));
    if (last) writer_.reset();
  }
  [[nodiscard]] protocol::BlobState state(bool complete) const {
    return {open_.digest, open_.size, complete ? open_.size : writer_->durable(), complete,
            protocol::limits::chunk_credit};
  }

  SystemClock clock_;
  EventLoop loop_{clock_};
  crypto::SystemEntropy entropy_;
  OneMember members_;
  std::unique_ptr<storage::BlobStore> store_;
  protocol::BlobOpen open_;
  std::optional<storage::BlobWriter> writer_;
  std::unique_ptr<Endpoint> endpoint_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

// Signed, hashed, credited, verified, written and synced.
void upload(EventLoop& loop, Connection& line, const std::filesystem::path& file,
            const protocol::BlobOpen& blob) {
  bool done = false;
  Upload one(line, blob, read_from_file(file, blob.size).value(),
             {.done =
                  [&](Result<void> result) {
                    if (!result) std::fputs(to_string(result.error()).c_str(), stderr);
                    done = true;
                  },
              .progress = {}});
  (void)loop.run_until([&] { return done; }, Duration(600'000));
}

protocol::BlobOpen write_blob(const std::filesystem::path& file, std::size_t chunks,
                              std::size_t round) {
  std::FILE* out = std::fopen(file.c_str(), "wb");
  crypto::Sha256 hash;
  for (std::size_t i = 0; i < chunks; ++i) {
    Bytes chunk(chunk_bytes, static_cast<std::uint8_t>(i));
    const Bytes tag = be64(round);
    std::copy(tag.begin(), tag.end(), chunk.begin());
    hash.add(chunk);
    (void)std::fwrite(chunk.data(), 1, chunk.size(), out);
  }
  (void)std::fclose(out);
  return {hash.finish(), chunks * chunk_bytes, JobId::trusted("bench")};
}

void report(const char* what, std::vector<Figures> rounds, std::size_t chunks) {
  std::ranges::sort(rounds, {}, &Figures::seconds);
  const Figures& middle = rounds[rounds.size() / 2];
  const double megabytes = static_cast<double>(chunks * chunk_bytes) / 1e6;
  std::printf("%-28s %7.0f MB/s  (best %.0f)   %.2f CPU s a GB\n", what, megabytes / middle.seconds,
              megabytes / rounds.front().seconds, middle.cpu_seconds / megabytes * 1e3);
}

}  // namespace

int main(int argc, char** argv) {
  if (!crypto::start()) return 1;
  const std::size_t chunks = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 512;
  const std::size_t rounds = argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 5;
  const char* chosen = std::getenv("CLOISTER_BENCH_FOLDER");
  const std::filesystem::path folder =
      std::filesystem::path(chosen == nullptr ? "/tmp" : chosen) / "cloister-transport-bench";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const crypto::Identity own = identity("coordinator", 1);
  const crypto::Identity agent = identity("agent", 2);
  std::vector<Figures> bare;
  std::vector<Figures> full;
  {
    Coordinator coordinator(own, agent, folder / "blobs");
    const SystemClock clock;
    EventLoop loop(clock);
    crypto::SystemEntropy entropy;
    Connection line(
        {loop, agent, entropy, Prng(1)},
        {{"127.0.0.1", coordinator.port()}, own.id, own.sign.public_key(), own.curve.public_key()});
    for (std::size_t round = 0; round < rounds; ++round) {
      const auto blob = write_blob(folder / "source", chunks, round);
      bare.push_back(measured([&] { bare_pipe(own, agent, chunks); }));
      full.push_back(measured([&] { upload(loop, line, folder / "source", blob); }));
      std::filesystem::remove_all(folder / "source");
    }
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("%zu rounds of %zu MiB, frames of 1 MiB, median:\n", rounds, chunks);
  report("bare ZeroMQ CURVE pipe", bare, chunks);
  report("upload with everything on", full, chunks);
  std::printf("largest resident memory of both sides together: %ld MiB\n", usage.ru_maxrss / 1024);
  std::filesystem::remove_all(folder);
  return 0;
}
