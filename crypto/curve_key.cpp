#include "crypto/curve_key.h"

#include <sodium.h>

#include <algorithm>

#include "crypto/entropy.h"

namespace cloister::crypto {
namespace {

// The alphabet of ZeroMQ RFC 32.
constexpr std::string_view z85 =
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

tl::unexpected<Error> bad_key() {
  return fail(Kind::invalid, "key.curve",
              "A CURVE public key is 32 bytes, or 40 characters of Z85.",
              "Copy the key again, whole.");
}

}  // namespace

CurveKey CurveKey::generate(Entropy& entropy) {
  return *from_secret(SecretBytes::random(crypto_box_SECRETKEYBYTES, entropy));
}

Result<CurveKey> CurveKey::from_secret(const SecretBytes& thirty_two) {
  if (thirty_two.size() != crypto_box_SECRETKEYBYTES) {
    return fail(Kind::invalid, "key.curve", "A CURVE secret key has 32 bytes.");
  }
  CurvePublicKey public_key;
  crypto_scalarmult_base(public_key.bytes.data(), thirty_two.view().data());
  return CurveKey(thirty_two.clone(), public_key);
}

Result<CurvePublicKey> curve_public_key_from_bytes(BytesView thirty_two) {
  CurvePublicKey key;
  if (thirty_two.size() != key.bytes.size()) return bad_key();
  std::copy(thirty_two.begin(), thirty_two.end(), key.bytes.begin());
  return key;
}

std::string to_z85(const CurvePublicKey& key) {
  std::string text;
  for (std::size_t i = 0; i < key.bytes.size(); i += 4) {
    std::uint32_t group = 0;
    for (std::size_t j = i; j < i + 4; ++j) group = (group << 8) | key.bytes[j];
    std::array<char, 5> five{};
    for (std::size_t j = 5; j > 0; --j) {
      five[j - 1] = z85[group % 85];
      group /= 85;
    }
    text.append(five.data(), five.size());
  }
  return text;
}

Result<CurvePublicKey> curve_public_key_from_z85(std::string_view text) {
  if (text.size() != 40) return bad_key();
  CurvePublicKey key;
  for (std::size_t group = 0; group < 8; ++group) {
    std::uint64_t value = 0;
    for (const char c : text.substr(group * 5, 5)) {
      const auto digit = z85.find(c);
      if (digit == std::string_view::npos) return bad_key();
      value = value * 85 + digit;
    }
    if (value > UINT32_MAX) return bad_key();
    for (std::size_t i = 0; i < 4; ++i) {
      key.bytes[group * 4 + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
    }
  }
  return key;
}

}  // namespace cloister::crypto
