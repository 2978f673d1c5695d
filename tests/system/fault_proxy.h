// A bad network in user space: TCP connections pass through it and are slowed down, narrowed, cut
// and parted, as a seed says. Needs no privilege and no kernel module.
//
// TCP hides the loss and reordering of packets; what a process sees of them is delay, stalls and
// resets, and these are what is made here. A partition stalls both directions without closing
// anything, so that the ends must find out by themselves.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "base/time.h"
#include "tests/system/site_network.h"

namespace cloister::system_test {

struct LineFaults {
  Duration delay{0};                   // added to each direction
  std::uint64_t bytes_per_second = 0;  // of each direction; 0: no limit
  Duration reset_every{0};             // mean life of a connection; 0: never reset
  Duration partition_every{0};         // mean time between partitions of a link; 0: never
  Duration partition_max{0};
  Duration until{0};  // afterwards the network is good
};
[[nodiscard]] LineFaults draw_line_faults(std::uint64_t seed, Duration until);

// One listening socket a link, all in a child process of its own that ends with its parent.
class FaultProxy {
 public:
  // All links lead to `port` of this namespace's loopback interface, wherever their sockets listen;
  // these are the proxy's from now on.
  static FaultProxy start(std::uint64_t seed, std::uint16_t port,
                          const std::vector<Listener>& links, const LineFaults& faults);
  FaultProxy(FaultProxy&& other) noexcept;
  FaultProxy& operator=(FaultProxy&&) = delete;
  ~FaultProxy();

 private:
  FaultProxy() = default;
  pid_t process_ = -1;
};

}  // namespace cloister::system_test
