// Starts a child process with nothing of ours but what it is given. Private to this room.
#pragma once

#include "base/descriptor.h"
#include "base/result.h"
#include "worker-host/worker_process.h"

namespace cloister::worker_host {

struct Child {
  int pid = -1;
  Descriptor ended;   // a pidfd: readable once the process has ended
  Descriptor input;   // its stdin, non-blocking
  Descriptor output;  // its stdout, non-blocking
};

// "worker.start" if the program cannot be run or a limit cannot be set.
[[nodiscard]] Result<Child> spawn(const Launch& launch);

}  // namespace cloister::worker_host
