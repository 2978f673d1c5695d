// Whether a worker that tells no steps is computing all the same, as on a machine that hardly lets
// it run. Two questions: what the system counts of its processor time, and whether that is still
// to be taken for life.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "base/time.h"

namespace cloister::worker_host {

// What all processes of this group have had of the processor so far, with the children that they
// waited for; 0 where /proc does not show it.
[[nodiscard]] Duration processor_time(pid_t group);

// Fed with every look at a worker and every step that it tells.
//
// A worker that computes is alive, however slowly it does; one that waits for ever uses next to
// nothing. But one that spins for ever computes too: without any step it is believed
// `signs_max` times and no more.
class Pulse {
 public:
  static constexpr std::uint32_t signs_max = 10;

  // `look_every`: what a look is expected to come after. A worker counts as computing from one part
  // in 500 of it: more than polling costs, less than any share that a scheduler leaves.
  explicit Pulse(Duration look_every) : enough_(look_every / 500) {}

  void stepped() { signs_ = 0; }
  // True: a sign of life.
  bool look(Duration processor_time);
  // How many there were since the last step.
  [[nodiscard]] std::uint32_t signs() const { return signs_; }

 private:
  Duration enough_;
  Duration seen_{0};
  std::uint32_t signs_ = 0;
};

}  // namespace cloister::worker_host
