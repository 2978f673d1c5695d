// cloister-coordinator put together: parts are made in order, the loop runs, parts end in reverse.
#pragma once

#include "base/result.h"
#include "coordinator/config.h"

namespace cloister::coordinator {

// Runs until SIGTERM or SIGINT. Errors of starting ("address.in_use", "store.locked",
// "ledger.rollback", "keyfile.*") and of a ledger that can no longer be written.
[[nodiscard]] Result<void> run(const Config& config);

}  // namespace cloister::coordinator
