#include "faults.h"

#include <fmt/format.h>

namespace cloister::simulation {
namespace {

// Zero in half of the runs, so that each fault is also seen without the others.
Duration mean(Prng& prng, std::int64_t least_s, std::int64_t most_s) {
  if (prng.chance(0.5)) return Duration(0);
  return Duration(1000 * (least_s + static_cast<std::int64_t>(
                                        prng.below(static_cast<std::uint64_t>(most_s - least_s)))));
}

}  // namespace

Faults draw_faults(Prng& prng) {
  Faults faults;
  faults.loss = prng.chance(0.5) ? prng.uniform(0, 0.3) : 0;
  faults.duplicate = prng.chance(0.5) ? prng.uniform(0, 0.2) : 0;
  faults.delay_max =
      Duration(5 + static_cast<std::int64_t>(prng.below(prng.chance(0.3) ? 8000 : 200)));
  faults.kill_coordinator = mean(prng, 20, 600);
  faults.kill_member = mean(prng, 30, 900);
  faults.partition = mean(prng, 60, 900);
  faults.worker_fails = prng.chance(0.5) ? prng.uniform(0, 0.3) : 0;
  faults.worker_hangs = prng.chance(0.3) ? prng.uniform(0, 0.15) : 0;
  faults.clock_jumps = mean(prng, 60, 900);
  faults.until = Duration(1000 * static_cast<std::int64_t>(120 + prng.below(1200)));
  return faults;
}

std::string Faults::in_words() const {
  return fmt::format(
      "loss {:.2f}, duplicate {:.2f}, delay {} to {} ms, coordinator killed every {} s, members "
      "every {} s, lines cut every {} s, workers fail {:.2f} and hang {:.2f}, clocks jump every {} "
      "s, for {} s",
      loss, duplicate, delay_min.count(), delay_max.count(), kill_coordinator.count() / 1000,
      kill_member.count() / 1000, partition.count() / 1000, worker_fails, worker_hangs,
      clock_jumps.count() / 1000, until.count() / 1000);
}

}  // namespace cloister::simulation
