#include "tests/system/fault_proxy.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <list>
#include <string>
#include <utility>

#include "base/prng.h"
#include "tests/system/site_network.h"

namespace cloister::system_test {
namespace {

constexpr std::size_t piece_max = 16'384;
constexpr std::size_t held_max = 1U << 20;  // of one direction: then the sender waits, as on a wire

Duration drawn(Prng& prng, Duration mean) {
  const double wait = -std::log(1.0 - prng.uniform(0, 0.999)) * static_cast<double>(mean.count());
  return Duration(std::max<std::int64_t>(1, static_cast<std::int64_t>(wait)));
}

// One direction: bytes that are held until their time has come.
struct Flow {
  int from = -1;
  int to = -1;
  std::deque<std::pair<Duration, std::string>> held;
  std::size_t bytes = 0;
  Duration free_at{0};
  bool ended = false;
};

struct Pair {
  std::size_t link = 0;
  int client = -1;
  int server = -1;
  std::array<Flow, 2> flows;
  Duration reset_at = Duration::max();
  bool dead = false;
};

struct Link {
  int listener = -1;
  Duration parted_until{0};
  Duration part_at = Duration::max();
};

class Proxy {
 public:
  Proxy(std::uint64_t seed, std::uint16_t port, const LineFaults& faults)
      : prng_(seed), port_(port), faults_(faults), began_(clock_.monotonic()) {}

  void add(int listener) {
    Link link;
    link.listener = listener;
    if (faults_.partition_every > Duration(0))
      link.part_at = now() + drawn(prng_, faults_.partition_every);
    links_.push_back(link);
  }

  [[noreturn]] void run() {
    while (true) {
      wait();
      for (std::size_t i = 0; i < links_.size(); ++i) accept_on(i);
      for (Pair& pair : pairs_) serve(pair);
      part();
      sweep();
    }
  }

 private:
  [[nodiscard]] Duration now() const { return clock_.monotonic() - began_; }
  [[nodiscard]] bool is_bad() const { return now() < faults_.until; }
  [[nodiscard]] bool is_parted(std::size_t link) const { return now() < links_[link].parted_until; }

  void wait() {
    std::vector<pollfd> all;
    for (const Link& link : links_) all.push_back({link.listener, POLLIN, 0});
    for (const Pair& pair : pairs_) {
      if (is_parted(pair.link)) continue;
      for (const Flow& flow : pair.flows) {
        if (!flow.ended && flow.bytes < held_max) all.push_back({flow.from, POLLIN, 0});
      }
    }
    poll(all.data(), all.size(), 5);
  }

  void accept_on(std::size_t link) {
    const int client = accept4(links_[link].listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback_address(port_);
    if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
      close(client);  // as if nothing listened there
      close(server);
      return;
    }
    for (const int one : {client, server}) fcntl(one, F_SETFL, O_NONBLOCK);
    Pair pair;
    pair.link = link;
    pair.client = client;
    pair.server = server;
    pair.flows[0].from = pair.flows[1].to = client;
    pair.flows[0].to = pair.flows[1].from = server;
    if (is_bad() && faults_.reset_every > Duration(0))
      pair.reset_at = now() + drawn(prng_, faults_.reset_every);
    pairs_.push_back(std::move(pair));
  }

  void serve(Pair& pair) {
    if (is_bad() && now() >= pair.reset_at) {
      const linger hard{1, 0};  // a reset, not a polite end
      for (const int one : {pair.client, pair.server})
        setsockopt(one, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
      pair.dead = true;
      return;
    }
    if (is_parted(pair.link)) return;
    for (Flow& flow : pair.flows) {
      take(flow);
      if (!give(flow)) pair.dead = true;
      if (flow.ended && flow.held.empty()) pair.dead = true;
    }
  }

  void take(Flow& flow) {
    while (!flow.ended && flow.bytes < held_max) {
      std::array<char, piece_max> piece{};
      const ssize_t got = recv(flow.from, piece.data(), piece.size(), 0);
      if (got < 0) {
        flow.ended = errno != EAGAIN && errno != EINTR;
        return;
      }
      if (got == 0) {
        flow.ended = true;
        return;
      }
      Duration at = now();
      if (is_bad()) {
        at = std::max(at, flow.free_at);
        if (faults_.bytes_per_second > 0) {
          const auto per_second = static_cast<std::int64_t>(faults_.bytes_per_second);
          flow.free_at = at + Duration(got * 1000 / per_second);
        }
        at += faults_.delay;
      }
      flow.held.emplace_back(at, std::string(piece.data(), static_cast<std::size_t>(got)));
      flow.bytes += static_cast<std::size_t>(got);
    }
  }

  bool give(Flow& flow) {
    while (!flow.held.empty() && flow.held.front().first <= now()) {
      std::string& piece = flow.held.front().second;
      const ssize_t sent = send(flow.to, piece.data(), piece.size(), MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN || errno == EINTR;
      flow.bytes -= static_cast<std::size_t>(sent);
      if (static_cast<std::size_t>(sent) < piece.size()) {
        piece.erase(0, static_cast<std::size_t>(sent));
        return true;
      }
      flow.held.pop_front();
    }
    return true;
  }

  void part() {
    for (Link& link : links_) {
      if (!is_bad()) link.parted_until = Duration(0);
      if (!is_bad() || now() < link.part_at) continue;
      link.parted_until =
          now() + Duration(static_cast<std::int64_t>(
                      prng_.below(static_cast<std::uint64_t>(faults_.partition_max.count()) + 1)));
      link.part_at = link.parted_until + drawn(prng_, faults_.partition_every);
    }
  }

  void sweep() {
    for (Pair& pair : pairs_) {
      if (!pair.dead) continue;
      close(pair.client);
      close(pair.server);
    }
    pairs_.remove_if([](const Pair& pair) { return pair.dead; });
  }

  Prng prng_;
  std::uint16_t port_;
  LineFaults faults_;
  SystemClock clock_;
  Duration began_;
  std::vector<Link> links_;
  std::list<Pair> pairs_;
};

}  // namespace

LineFaults draw_line_faults(std::uint64_t seed, Duration until) {
  Prng prng(seed ^ 0x70726f7879ULL);
  const auto some = [&](std::uint64_t least, std::uint64_t most) {
    return static_cast<std::int64_t>(least + prng.below(most - least));
  };
  LineFaults faults;
  faults.delay = Duration(some(0, 60));
  faults.bytes_per_second = static_cast<std::uint64_t>(some(200'000, 4'000'000));
  faults.reset_every = Duration(some(3'000, 20'000));
  faults.partition_every = Duration(some(10'000, 40'000));
  faults.partition_max = Duration(some(1'000, 8'000));
  faults.until = until;
  return faults;
}

FaultProxy FaultProxy::start(std::uint64_t seed, std::uint16_t port,
                             const std::vector<Listener>& links, const LineFaults& faults) {
  FaultProxy proxy;
  const pid_t parent = getpid();
  proxy.process_ = fork();
  if (proxy.process_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    Proxy inner(seed, port, faults);
    for (const Listener& link : links) inner.add(link.descriptor);
    inner.run();
  }
  for (const Listener& link : links) close(link.descriptor);
  return proxy;
}

FaultProxy::FaultProxy(FaultProxy&& other) noexcept : process_(std::exchange(other.process_, -1)) {}

FaultProxy::~FaultProxy() {
  if (process_ < 0) return;
  kill(process_, SIGKILL);
  waitpid(process_, nullptr, 0);
}

}  // namespace cloister::system_test
