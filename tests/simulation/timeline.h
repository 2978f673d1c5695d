// Virtual time: what happens when, in one order for one seed.
#pragma once

#include <functional>
#include <map>

#include "base/time.h"

namespace cloister::simulation {

class Timeline {
 public:
  using Step = std::function<void()>;

  [[nodiscard]] Instant now() const { return now_; }
  void at(Instant when, Step step) {
    steps_.emplace(std::pair(std::max(when, now_), next_++), std::move(step));
  }
  void after(Duration delay, Step step) { at(now_ + delay, std::move(step)); }
  // The next step; false if there is none.
  bool run_next() {
    if (steps_.empty()) return false;
    auto first = steps_.begin();
    now_ = first->first.first;
    const Step step = std::move(first->second);
    steps_.erase(first);
    step();
    return true;
  }

 private:
  Instant now_{1'800'000'000'000};
  std::uint64_t next_ = 0;  // equal times: first come, first served
  std::map<std::pair<Instant, std::uint64_t>, Step> steps_;
};

}  // namespace cloister::simulation
