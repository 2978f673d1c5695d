#include "worker-host/own_network.h"

#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace cloister::worker_host {

bool enter_own_network() {
  // The right to it is a user namespace's gift to those who have none of their own.
  if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return true;
  ifreq loopback{};
  std::strncpy(static_cast<char*>(loopback.ifr_name), "lo", IFNAMSIZ - 1);
  loopback.ifr_flags = IFF_UP | IFF_RUNNING;
  // Where it stays down, ranks cannot meet, and say so (ranks.join).
  (void)::ioctl(socket, SIOCSIFFLAGS, &loopback);
  ::close(socket);
  return true;
}

}  // namespace cloister::worker_host
