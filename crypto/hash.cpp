#include "crypto/hash.h"

#include <openssl/evp.h>
#include <sodium.h>

#include "base/ensure.h"

namespace cloister::crypto {
namespace {

// Fetched once: looking the algorithm up costs more than hashing a short message. Never freed,
// because digests may be computed while the process ends.
const EVP_MD* algorithm() {
  static const EVP_MD* const sha256_algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  ensure(sha256_algorithm != nullptr, "SHA-256 in OpenSSL");
  return sha256_algorithm;
}

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

void begin(EVP_MD_CTX* context) {
  ensure(EVP_DigestInit_ex2(context, algorithm(), nullptr) == 1, "SHA-256 starts");
}

Digest end(EVP_MD_CTX* context) {
  Digest digest;
  unsigned length = 0;
  ensure(EVP_DigestFinal_ex(context, digest.bytes.data(), &length) == 1 && length == 32,
         "SHA-256 ends");
  return digest;
}

}  // namespace

struct Sha256::State {
  Context context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) { begin(state_->context.get()); }
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::add(BytesView bytes) {
  ensure(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1,
         "SHA-256 goes on");
}

Digest Sha256::finish() {
  const Digest digest = end(state_->context.get());
  begin(state_->context.get());
  return digest;
}

Digest sha256(BytesView bytes) {
  // One context a thread, kept: allocating it would dominate the hash of a tree node.
  thread_local const Context context{EVP_MD_CTX_new()};
  begin(context.get());
  ensure(EVP_DigestUpdate(context.get(), bytes.data(), bytes.size()) == 1, "SHA-256 goes on");
  return end(context.get());
}

Digest hmac_sha256(const SecretBytes& key, BytesView message) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, key.view().data(), key.size());
  crypto_auth_hmacsha256_update(&state, message.data(), message.size());
  Digest digest;
  crypto_auth_hmacsha256_final(&state, digest.bytes.data());
  sodium_memzero(&state, sizeof state);
  return digest;
}

}  // namespace cloister::crypto
