#include "crypto/entropy.h"

#include <sodium.h>

#include <algorithm>

namespace cloister::crypto {

Bytes Entropy::bytes(std::size_t count) {
  Bytes out(count);
  fill(out);
  return out;
}

void SystemEntropy::fill(std::span<std::uint8_t> out) { randombytes_buf(out.data(), out.size()); }

SeededEntropy::SeededEntropy(std::uint64_t seed) : seed_(seed) {}

void SeededEntropy::fill(std::span<std::uint8_t> out) {
  // A ChaCha20 key for each call: seed and call number, the rest zero.
  std::array<std::uint8_t, randombytes_SEEDBYTES> key{};
  const Bytes seed = le64(seed_);
  const Bytes call = le64(calls_++);
  std::copy(seed.begin(), seed.end(), key.begin());
  std::copy(call.begin(), call.end(), key.begin() + 8);
  randombytes_buf_deterministic(out.data(), out.size(), key.data());
}

}  // namespace cloister::crypto
