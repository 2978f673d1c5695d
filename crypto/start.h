// Must succeed once, before any other call of this room, at the start of every program and test.
#pragma once

#include "base/result.h"

namespace cloister::crypto {

// Prepares libsodium (chooses code for this CPU, opens the random source). Calling it again is
// fine; safe from several threads.
[[nodiscard]] Result<void> start();

}  // namespace cloister::crypto
