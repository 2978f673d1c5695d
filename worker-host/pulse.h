// Whether a worker that tells no steps is computing all the same, as on a machine that hardly lets
// it run. Two questions: what the system counts of its processor time, and whether that is still
// to be taken for life.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/time.h"

namespace cloister::worker_host {

// What all threads of this process have had of the processor so far; 0: there is none. By its
// clock, not by /proc, which hides processes without core dumps where a service is hardened so.
[[nodiscard]] Duration processor_time(pid_t process);

// Fed with every look at a worker and every step that it tells.
//
// A worker that computes is alive, however slowly it does; one that waits for ever uses next to
// nothing. But one that spins for ever computes too: without any step it is believed
// `signs_max` times and no more.
class Pulse {
 public:
  static constexpr std::uint32_t signs_max = 10;

  // `look_every`: what a look is expected to come after. A worker counts as computing from one part
  // in 500 of it: more than polling costs, less than any share that a scheduler leaves. `so_far`:
  // what the process had used before.
  explicit Pulse(Duration look_every, Duration so_far = Duration(0))
      : enough_(look_every / 500), seen_(so_far) {}

  void stepped() { signs_ = 0; }
  // True: a sign of life.
  bool look(Duration processor_time);
  // How many there were since the last step.
  [[nodiscard]] std::uint32_t signs() const { return signs_; }

 private:
  Duration enough_;
  Duration seen_;
  std::uint32_t signs_ = 0;
};

}  // namespace cloister::worker_host
