#include "crypto/secret.h"

#include <sodium.h>

#include <algorithm>

#include "base/ensure.h"
#include "crypto/entropy.h"

namespace cloister::crypto {

SecretBytes::SecretBytes(std::size_t size) : size_(size) {
  if (size == 0) return;
  data_ = static_cast<std::uint8_t*>(sodium_malloc(size));
  ensure(data_ != nullptr, "memory for a secret (and crypto::start() called)");
  sodium_memzero(data_, size);
}

SecretBytes SecretBytes::random(std::size_t size, Entropy& entropy) {
  SecretBytes secret(size);
  entropy.fill(secret.writable());
  return secret;
}

SecretBytes SecretBytes::copy_of(BytesView secret) {
  SecretBytes copy(secret.size());
  std::copy(secret.begin(), secret.end(), copy.writable().begin());
  return copy;
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

SecretBytes::~SecretBytes() { sodium_free(data_); }  // wipes; a null pointer is fine

void SecretBytes::shrink(std::size_t size) {
  ensure(size <= size_, "shrinking only");
  wipe(writable().subspan(size));
  size_ = size;
}

void wipe(std::span<std::uint8_t> memory) { sodium_memzero(memory.data(), memory.size()); }

bool equal_secrets(BytesView a, BytesView b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace cloister::crypto
