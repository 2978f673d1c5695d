// Sealing short secrets to one reader (X25519, libsodium's crypto_box_seal).
//
// A seal hides and binds; it does not say who sent it: the sender signs outside of it.
#pragma once

#include <array>
#include <compare>
#include <cstdint>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/result.h"
#include "crypto/secret.h"

namespace cloister::crypto {

class Entropy;

struct SealPublicKey {
  std::array<std::uint8_t, 32> bytes{};
  [[nodiscard]] BytesView view() const { return bytes; }
  friend auto operator<=>(const SealPublicKey&, const SealPublicKey&) = default;
};

class SealKey {
 public:
  [[nodiscard]] static SealKey generate(Entropy& entropy);
  [[nodiscard]] static Result<SealKey> from_secret(const SecretBytes& thirty_two);

  [[nodiscard]] const SealPublicKey& public_key() const { return public_key_; }
  [[nodiscard]] BytesView secret() const { return secret_.view(); }  // for key files only
  [[nodiscard]] SealKey clone() const { return SealKey(secret_.clone(), public_key_); }

 private:
  SealKey(SecretBytes secret, SealPublicKey public_key)
      : secret_(std::move(secret)), public_key_(public_key) {}
  SecretBytes secret_;
  SealPublicKey public_key_;
};

[[nodiscard]] Result<SealPublicKey> seal_public_key_from_bytes(BytesView thirty_two);

// message + 48 bytes; byte for byte what crypto_box_seal makes.
[[nodiscard]] Result<Bytes> seal_to(const SealPublicKey& reader, BytesView message,
                                    Entropy& entropy);
// Fails with "seal.open" for a wrong key and for altered bytes; the two cannot be told apart.
[[nodiscard]] Result<SecretBytes> open_seal(const SealKey& reader, BytesView sealed);

// The key of one sealed object, wrapped for one reader and bound to that object's context: a wrap
// moved to another object does not open. 120 bytes; docs/formats.md, "Key wrap".
inline constexpr std::size_t key_bytes = 32;
inline constexpr std::size_t wrap_bytes = 120;
[[nodiscard]] Result<Bytes> wrap_key(const SecretBytes& key, const Digest& context,
                                     const SealPublicKey& reader, Entropy& entropy);
[[nodiscard]] Result<SecretBytes> unwrap_key(BytesView wrap, const Digest& context,
                                             const SealKey& reader);

}  // namespace cloister::crypto
