#include "worker-host/pulse.h"

#include <time.h>

namespace cloister::worker_host {

Duration processor_time(pid_t process) {
  clockid_t clock{};
  timespec used{};
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &used) != 0) {
    return Duration(0);
  }
  return Duration(used.tv_sec * 1000 + used.tv_nsec / 1'000'000);
}

bool Pulse::look(Duration processor_time) {
  const bool computed = processor_time - seen_ >= enough_ && processor_time > seen_;
  seen_ = processor_time;
  if (!computed || signs_ >= signs_max) return false;
  ++signs_;
  return true;
}

}  // namespace cloister::worker_host
