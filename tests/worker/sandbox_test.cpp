// What a process may still do once it has entered the sandbox; each case in a child of its own.
#include "worker/sandbox.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <functional>

using namespace cloister::worker;

namespace {

// The exit status of a child that enters the sandbox and then runs `attempt`.
int inside(const SandboxNeeds& needs, const std::function<int()>& attempt) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto held = enter_sandbox(needs);
    if (held.system_calls.find("rules") == std::string::npos) ::_exit(77);  // no filter here
    ::_exit(attempt());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

bool is_refused(int result) { return result < 0 && errno == EPERM; }

// As CUDA's driver does when it starts: an abstract Unix socket that is listened on.
int listen_on_own_socket() {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket < 0 || ::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)) != 0)
    return -1;
  return ::listen(socket, 1);
}

int reach_out() {
  if (!is_refused(::socket(AF_INET, SOCK_STREAM, 0))) return 1;
  if (!is_refused(::socket(AF_INET6, SOCK_DGRAM, 0))) return 2;
  if (!is_refused(::socket(AF_UNIX, SOCK_DGRAM, 0))) return 3;
  if (!is_refused(::socket(AF_NETLINK, SOCK_RAW, 0))) return 4;
  if (!is_refused(::socket(AF_UNIX, SOCK_RAW, 0))) return 7;  // a datagram socket to Linux
  int pair[2];
  if (!is_refused(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair))) return 8;
  if (!is_refused(::socketpair(AF_UNIX, SOCK_RAW, 0, pair))) return 9;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
  if (!is_refused(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address))))
    return 5;
  return is_refused(::accept(socket, nullptr, nullptr)) ? 0 : 6;
}

}  // namespace

TEST_CASE("a worker with a GPU may listen as its driver does, and speak to nobody", "[worker]") {
  SandboxNeeds needs;
  needs.device_files = true;
  const int listened = inside(needs, [] { return listen_on_own_socket() == 0 ? 0 : 1; });
  if (listened == 77) {
    WARN("The kernel takes no filter: not tried.");
    return;
  }
  CHECK(listened == 0);
  CHECK(inside(needs, reach_out) == 0);
}

TEST_CASE("a worker without a GPU has no sockets at all", "[worker]") {
  const int listened = inside({}, [] { return listen_on_own_socket() == 0 ? 0 : 1; });
  if (listened == 77) {
    WARN("The kernel takes no filter: not tried.");
    return;
  }
  CHECK(listened == 1);
  CHECK(inside({}, reach_out) == 0);
}
