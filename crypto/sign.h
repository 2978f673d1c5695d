// Ed25519 signatures (RFC 8032) and the public forms of their keys.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/secret.h"

namespace cloister::crypto {

class Entropy;

struct PublicKey {
  std::array<std::uint8_t, 32> bytes{};
  [[nodiscard]] BytesView view() const { return bytes; }
  friend auto operator<=>(const PublicKey&, const PublicKey&) = default;
};

using Signature = std::array<std::uint8_t, 64>;

class SecretKey {
 public:
  [[nodiscard]] static SecretKey generate(Entropy& entropy);
  // The 32-byte seed of RFC 8032; refuses any other length.
  [[nodiscard]] static Result<SecretKey> from_seed(const SecretBytes& seed);

  [[nodiscard]] Signature sign(BytesView message) const;
  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] SecretBytes seed() const;  // for key files only
  [[nodiscard]] SecretKey clone() const;

 private:
  SecretKey(SecretBytes secret, PublicKey public_key)
      : secret_(std::move(secret)), public_key_(public_key) {}
  SecretBytes secret_;  // 64 bytes: seed || public key
  PublicKey public_key_;
};

// False for a wrong signature, a signature that is not 64 bytes, and a key that is no valid point
// (small-order points included).
[[nodiscard]] bool verify(const PublicKey& key, BytesView message, BytesView signature);

[[nodiscard]] Result<PublicKey> public_key_from_bytes(BytesView thirty_two);
// SubjectPublicKeyInfo of RFC 8410: 302a300506032b6570032100 || key; 44 bytes.
[[nodiscard]] Bytes spki_der(const PublicKey& key);
[[nodiscard]] Result<PublicKey> public_key_from_spki(BytesView der);
// "-----BEGIN PUBLIC KEY-----" (RFC 7468), as openssl writes and reads it.
[[nodiscard]] std::string to_pem(const PublicKey& key);
[[nodiscard]] Result<PublicKey> public_key_from_pem(std::string_view pem);

// 64 hexadecimal digits: SHA-256 of spki_der(key). A hint for finding a key, never a reason to
// trust.
[[nodiscard]] std::string key_id(const PublicKey& key);
// For people to compare by telephone: the first 160 bits of the same hash in ten groups of four,
// "1f3a 99c0 ...".
[[nodiscard]] std::string fingerprint(const PublicKey& key);
// Whether a person's typing (any case, any spacing or '-') is this key's fingerprint.
[[nodiscard]] bool fingerprint_matches(const PublicKey& key, std::string_view typed);

}  // namespace cloister::crypto
