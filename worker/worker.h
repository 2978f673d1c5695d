// The conversation of README.md: jobs one after the other until the host closes its end.
#pragma once

#include "base/time.h"
#include "worker/channel.h"

namespace cloister::worker {

// The exit status: 0 after the host closed its end or a stop; 2 when it cannot be understood; 3
// when it ran out of memory.
[[nodiscard]] int serve(Channel& channel, const Clock& clock);

}  // namespace cloister::worker
