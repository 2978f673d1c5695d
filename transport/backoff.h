// Private to the room: how long to wait before the next attempt. Exponential with jitter, so that
// a hundred agents do not come back to a restarted coordinator in step.
#pragma once

#include <algorithm>

#include "base/prng.h"
#include "base/time.h"

namespace cloister::transport {

class Backoff {
 public:
  static constexpr Duration shortest{100};
  static constexpr Duration longest{15'000};

  explicit Backoff(Prng jitter) : jitter_(jitter) {}
  // Between half and all of 0.1 s, 0.2 s, 0.4 s, ... 15 s.
  [[nodiscard]] Duration next() {
    const auto whole = static_cast<double>(step_.count());
    step_ = std::min(longest, 2 * step_);
    return Duration(static_cast<std::int64_t>(whole * jitter_.uniform(0.5, 1.0)));
  }
  void reset() { step_ = shortest; }

 private:
  Prng jitter_;
  Duration step_ = shortest;
};

}  // namespace cloister::transport
