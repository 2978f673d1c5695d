// Ctrl-C and SIGTERM while daemons of ours run: everything is stopped within seconds, whatever this
// process is waiting for.
//
// The handler itself ends the children (SIGTERM to each group, SIGKILL after two seconds) and then
// the process, with calls that are safe in a handler; that is why the list of groups is global.
#pragma once

#include <sys/types.h>

namespace cloister::cli {

// From now on. `farewell` must live as long as the process; it is written to standard error.
void stop_children_on_signals(const char* farewell);
// Process groups to end. At most 64; more are ended by their PDEATHSIG only.
void remember_group(pid_t group);
void forget_group(pid_t group);

}  // namespace cloister::cli
