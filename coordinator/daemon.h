// cloister-coordinator put together: parts are made in order, the loop runs, parts end in reverse.
#pragma once

#include "base/result.h"
#include "coordinator/config.h"

namespace cloister::coordinator {

// Runs until SIGTERM or SIGINT. After an erasure of words everything but the identity is made anew,
// so that nothing remembers them; members' sessions end, as with any restart. Errors of starting
// ("address.in_use", "store.locked", "ledger.rollback", "keyfile.*") and of a ledger that can no
// longer be written.
[[nodiscard]] Result<void> run(const Config& config);

}  // namespace cloister::coordinator
