// Keys of a ZeroMQ CURVE connection: raw 32 bytes, and Z85 text (ZeroMQ RFC 32) for the public one.
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

struct CurvePublicKey {
  std::array<std::uint8_t, 32> bytes{};
  [[nodiscard]] BytesView view() const { return bytes; }
  friend auto operator<=>(const CurvePublicKey&, const CurvePublicKey&) = default;
};

class CurveKey {
 public:
  [[nodiscard]] static CurveKey generate(Entropy& entropy);
  [[nodiscard]] static Result<CurveKey> from_secret(const SecretBytes& thirty_two);

  [[nodiscard]] const CurvePublicKey& public_key() const { return public_key_; }
  [[nodiscard]] BytesView secret() const { return secret_.view(); }  // for sockets and key files
  [[nodiscard]] CurveKey clone() const { return CurveKey(secret_.clone(), public_key_); }

 private:
  CurveKey(SecretBytes secret, CurvePublicKey public_key)
      : secret_(std::move(secret)), public_key_(public_key) {}
  SecretBytes secret_;
  CurvePublicKey public_key_;
};

[[nodiscard]] Result<CurvePublicKey> curve_public_key_from_bytes(BytesView thirty_two);
// 40 characters.
[[nodiscard]] std::string to_z85(const CurvePublicKey& key);
[[nodiscard]] Result<CurvePublicKey> curve_public_key_from_z85(std::string_view text);

}  // namespace cloister::crypto
