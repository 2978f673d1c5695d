#include "cli/reach.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "transport/address.h"

namespace cloister::cli {
namespace {

struct Closed {
  int number;
  ~Closed() {
    if (number >= 0) close(number);
  }
};

tl::unexpected<Error> silent(const std::string& address) {
  return fail(Kind::unavailable, "reach.silent", fmt::format("{} does not answer.", address),
              "A firewall may stand in between: this machine must be able to dial out to it.");
}

Result<void> dial(const addrinfo& to, const std::string& address, Duration patience) {
  const Closed line{socket(to.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (line.number < 0) return silent(address);
  if (connect(line.number, to.ai_addr, to.ai_addrlen) == 0) return {};
  if (errno == EINPROGRESS) {
    pollfd wait{line.number, POLLOUT, 0};
    if (poll(&wait, 1, static_cast<int>(patience.count())) == 0) return silent(address);
    int problem = 0;
    socklen_t size = sizeof problem;
    getsockopt(line.number, SOL_SOCKET, SO_ERROR, &problem, &size);
    if (problem == 0) return {};
    if (problem != ECONNREFUSED) return silent(address);
  } else if (errno != ECONNREFUSED) {
    return silent(address);
  }
  return fail(Kind::unavailable, "reach.refused", fmt::format("Nobody listens at {}.", address),
              "Ask whether the coordinator runs, and whether address and port are still the same.");
}

}  // namespace

Result<void> reach(const std::string& address, Duration patience) {
  const auto parsed = transport::address_from_text(address);
  if (!parsed) return pass(parsed);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(parsed->host.c_str(), std::to_string(parsed->port).c_str(), &hints, &found) !=
      0) {
    return fail(Kind::unavailable, "reach.name",
                fmt::format("The name '{}' is not known here.", parsed->host),
                "Check the spelling, and this machine's name server.");
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> list(found, freeaddrinfo);
  Result<void> outcome = silent(address);
  for (const addrinfo* one = list.get(); one != nullptr; one = one->ai_next) {
    outcome = dial(*one, address, patience);
    if (outcome) return outcome;
  }
  return outcome;
}

}  // namespace cloister::cli
