// What goes wrong in one run: data, drawn from the seed.
#pragma once

#include <string>

#include "base/prng.h"
#include "base/time.h"

namespace cloister::simulation {

struct Faults {
  double loss = 0;       // of messages
  double duplicate = 0;  // delivered twice, at different times
  Duration delay_min{1};
  Duration delay_max{20};        // wide delays reorder
  Duration kill_coordinator{0};  // mean time between; 0: never
  Duration kill_member{0};       // of each agent and the trainer
  Duration down_max{60'000};
  Duration partition{0};  // mean time between a member's losses of its line
  Duration partition_max{300'000};
  double worker_fails = 0;
  double worker_hangs = 0;  // it lives, and says nothing more
  Duration clock_jumps{
      0};             // mean time between jumps of a member's clock, hours in either direction
  Duration until{0};  // from the beginning of the run; afterwards nothing goes wrong any more

  [[nodiscard]] std::string in_words() const;
};

[[nodiscard]] Faults draw_faults(Prng& prng);

}  // namespace cloister::simulation
