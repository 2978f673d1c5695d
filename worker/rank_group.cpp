#include "worker/rank_group.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>
#include <utility>

#include "base/descriptor.h"

namespace cloister::worker {
namespace {

constexpr int ranks_max = 64;

tl::unexpected<Error> cannot_split(std::string what) {
  return fail(Kind::unavailable, "ranks.split", std::move(what),
              "Set `ranks` in trainer.toml to what this machine can run, or to 1.");
}

// A port of the loopback that nobody holds just now. In a network namespace of our own nobody else
// can take it either.
Result<int> free_port() {
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (!socket.is_open() || ::bind(socket.number(), generic, size) != 0 ||
      ::getsockname(socket.number(), generic, &size) != 0)
    return cannot_split(
        fmt::format("Ranks cannot meet on the loopback: {}.", std::strerror(errno)));
  return ntohs(address.sin_port);
}

}  // namespace

Result<RankGroup> RankGroup::split(int size) {
  if (size < 1 || size > ranks_max)
    return cannot_split(fmt::format("There cannot be {} ranks: 1 to {}.", size, ranks_max));
  RankGroup group({.rank = 0, .size = size});
  if (size == 1) return group;
  const auto port = free_port();
  if (!port) return pass(port);
  group.place_.port = *port;
  const pid_t first = ::getpid();
  for (int rank = 1; rank < size; ++rank) {
    const pid_t child = ::fork();
    if (child < 0)
      return cannot_split(
          fmt::format("Rank {} of {} could not be started: {}.", rank, size, std::strerror(errno)));
    if (child == 0) {
      group.become(rank, first);
      return group;
    }
    group.others_.push_back(child);
  }
  return group;
}

void RankGroup::become(int rank, pid_t first) {
  place_.rank = rank;
  others_.clear();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != first) ::_exit(1);  // it ended before the line above
  std::signal(SIGTERM, SIG_IGN);
  std::signal(SIGINT, SIG_IGN);
  ::close(STDIN_FILENO);  // the host speaks with the first
}

RankGroup::RankGroup(RankGroup&& other) noexcept
    : place_(std::move(other.place_)), others_(std::exchange(other.others_, {})) {}

RankGroup::~RankGroup() {
  for (const pid_t other : others_) ::kill(other, SIGKILL);
  for (const pid_t other : others_) ::waitpid(other, nullptr, 0);
}

Result<networks::Job> RankGroup::join(networks::Job job) const {
  if (place_.size == 1) return job;
  const int all = job.compute.threads > 0 ? job.compute.threads
                                          : static_cast<int>(std::thread::hardware_concurrency());
  job.compute.threads = std::max(1, all / place_.size);
  job.compute.device.index += place_.rank;  // one GPU a rank; of no meaning on a CPU
  if (place_.rank > 0) {
    job.hooks.progress = {};
    job.hooks.checkpoint = {};
    job.hooks.should_stop = {};
  }
  auto ranks = networks::Ranks::join(place_);
  if (!ranks) return pass(ranks);
  job.ranks = std::move(*ranks);
  return job;
}

void RankGroup::end_after(const std::function<Result<void>()>& work) const noexcept {
  const auto done = work();
  if (!done) fmt::print(stderr, "rank {}: {}\n", place_.rank, to_string(done.error()));
  ::_exit(done ? 0 : 1);
}

}  // namespace cloister::worker
