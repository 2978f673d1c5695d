// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104). Everything published is hashed with SHA-256.
// Which library computes it, and why: docs/decisions/0010-sha256-from-openssl.md.
#pragma once

#include <array>
#include <memory>

#include "base/bytes.h"
#include "base/digest.h"
#include "crypto/secret.h"

namespace cloister::crypto {

[[nodiscard]] Digest sha256(BytesView bytes);

// For content that comes in pieces. Not copyable; one thread at a time.
class Sha256 {
 public:
  Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void add(BytesView bytes);
  // The digest of everything added; afterwards the object starts again from nothing.
  [[nodiscard]] Digest finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Commitments to raw data: HMAC under a secret that stays at the site. Keys of any length.
[[nodiscard]] Digest hmac_sha256(const SecretBytes& key, BytesView message);

}  // namespace cloister::crypto
