// How long the next bytes wait so that all together leave at no more than a rate. Time in which
// nothing leaves is not saved up: after a pause the line is not flooded.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace cloister::member_shell {

class Pacer {
 public:
  explicit Pacer(std::uint64_t bytes_per_second = 0) : rate_(bytes_per_second) {}  // 0: no limit
  [[nodiscard]] bool limits() const { return rate_ > 0; }

  // From `now` (monotonic) until these bytes may leave; they count as having left then.
  [[nodiscard]] Duration wait(std::uint64_t bytes, Duration now) {
    if (!limits()) return Duration(0);
    const Duration at = std::max(now, free_again_);
    free_again_ = at + Duration(static_cast<std::int64_t>(bytes * 1000 / rate_));
    return at - now;
  }

 private:
  std::uint64_t rate_;
  Duration free_again_{0};  // when the next byte may leave
};

}  // namespace cloister::member_shell
