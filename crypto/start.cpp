#include "crypto/start.h"

#include <sodium.h>

namespace cloister::crypto {

Result<void> start() {
  if (sodium_init() < 0) {
    return fail(Kind::unavailable, "crypto.start",
                "The cryptographic library could not be started.",
                "Check that the system's random source works (/dev/urandom).");
  }
  return {};
}

}  // namespace cloister::crypto
