#include "crypto/sign.h"

#include <sodium.h>

#include <algorithm>

#include "crypto/entropy.h"
#include "crypto/hash.h"

namespace cloister::crypto {
namespace {

constexpr std::array<std::uint8_t, 12> spki_prefix{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03,
                                                   0x2b, 0x65, 0x70, 0x03, 0x21, 0x00};
constexpr std::string_view pem_begin = "-----BEGIN PUBLIC KEY-----\n";
constexpr std::string_view pem_end = "\n-----END PUBLIC KEY-----";

tl::unexpected<Error> bad_key(std::string_view why) {
  return fail(Kind::invalid, "key.format", fmt::format("This is no Ed25519 public key: {}.", why),
              "Export the key again (SubjectPublicKeyInfo, as openssl writes it).");
}

}  // namespace

SecretKey SecretKey::generate(Entropy& entropy) {
  return *from_seed(SecretBytes::random(crypto_sign_SEEDBYTES, entropy));
}

Result<SecretKey> SecretKey::from_seed(const SecretBytes& seed) {
  if (seed.size() != crypto_sign_SEEDBYTES) {
    return fail(Kind::invalid, "key.seed", "The seed of a signing key has 32 bytes.");
  }
  SecretBytes secret(crypto_sign_SECRETKEYBYTES);
  PublicKey public_key;
  crypto_sign_seed_keypair(public_key.bytes.data(), secret.writable().data(), seed.view().data());
  return SecretKey(std::move(secret), public_key);
}

Signature SecretKey::sign(BytesView message) const {
  Signature signature{};
  crypto_sign_detached(signature.data(), nullptr, message.data(), message.size(),
                       secret_.view().data());
  return signature;
}

SecretBytes SecretKey::seed() const {
  return SecretBytes::copy_of(secret_.view().first(crypto_sign_SEEDBYTES));
}

SecretKey SecretKey::clone() const { return SecretKey(secret_.clone(), public_key_); }

bool verify(const PublicKey& key, BytesView message, BytesView signature) {
  return signature.size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(signature.data(), message.data(), message.size(),
                                     key.bytes.data()) == 0;
}

Result<PublicKey> public_key_from_bytes(BytesView thirty_two) {
  PublicKey key;
  if (thirty_two.size() != key.bytes.size()) return bad_key("it does not have 32 bytes");
  std::copy(thirty_two.begin(), thirty_two.end(), key.bytes.begin());
  return key;
}

Bytes spki_der(const PublicKey& key) {
  Bytes der(spki_prefix.begin(), spki_prefix.end());
  append(der, key.view());
  return der;
}

Result<PublicKey> public_key_from_spki(BytesView der) {
  if (der.size() != spki_prefix.size() + 32) return bad_key("its DER form does not have 44 bytes");
  if (!std::equal(spki_prefix.begin(), spki_prefix.end(), der.begin())) {
    return bad_key("the algorithm is another one");
  }
  return public_key_from_bytes(der.subspan(spki_prefix.size()));
}

std::string to_pem(const PublicKey& key) {
  return std::string(pem_begin) + to_base64(spki_der(key)) + std::string(pem_end) + "\n";
}

Result<PublicKey> public_key_from_pem(std::string_view pem) {
  if (pem.ends_with('\n')) pem.remove_suffix(1);
  if (!pem.starts_with(pem_begin) || !pem.ends_with(pem_end)) {
    return bad_key("the PEM lines BEGIN and END PUBLIC KEY are missing");
  }
  if (pem.size() < pem_begin.size() + pem_end.size()) return bad_key("it is empty");
  pem.remove_prefix(pem_begin.size());
  pem.remove_suffix(pem_end.size());
  const auto der = from_base64(pem);
  if (!der) return bad_key("its base64 is damaged");
  return public_key_from_spki(*der);
}

std::string key_id(const PublicKey& key) { return to_hex(sha256(spki_der(key))); }

std::string fingerprint(const PublicKey& key) {
  const std::string hex = key_id(key);
  std::string grouped;
  for (std::size_t group = 0; group < 10; ++group) {
    if (group > 0) grouped += ' ';
    grouped += hex.substr(group * 4, 4);
  }
  return grouped;
}

bool fingerprint_matches(const PublicKey& key, std::string_view typed) {
  std::string digits;
  for (const char c : typed) {
    if (c == ' ' || c == '-' || c == '\t' || c == '\n') continue;
    digits += (c >= 'A' && c <= 'F') ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return digits == key_id(key).substr(0, 40);
}

}  // namespace cloister::crypto
