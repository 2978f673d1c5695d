// A key for bytes that lie on a disk only while this process lives: libsodium's XChaCha20 key
// stream, at any offset. No authentication: nobody else writes the file, and what is read back
// wrongly is a broken disk's doing. The key is drawn at random, kept in guarded memory and never
// leaves it.
#pragma once

#include <cstdint>
#include <span>

#include "crypto/entropy.h"
#include "crypto/secret.h"

namespace cloister::crypto {

class ScratchKey {
 public:
  explicit ScratchKey(Entropy& entropy);
  // Hides or shows, in place: both are the same. `offset` is a multiple of 64; each place of a file
  // is written once.
  void apply(std::uint64_t offset, std::span<std::uint8_t> bytes) const;

 private:
  SecretBytes key_;
};

}  // namespace cloister::crypto
