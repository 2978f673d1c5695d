#include "crypto/scratch_key.h"

#include <sodium.h>

#include <array>

#include "base/ensure.h"

namespace cloister::crypto {
namespace {

constexpr std::uint64_t block = 64;
// One key, one file: the offset alone tells places apart.
constexpr std::array<std::uint8_t, crypto_stream_xchacha20_NONCEBYTES> nonce{};

}  // namespace

ScratchKey::ScratchKey(Entropy& entropy)
    : key_(SecretBytes::random(crypto_stream_xchacha20_KEYBYTES, entropy)) {}

void ScratchKey::apply(std::uint64_t offset, std::span<std::uint8_t> bytes) const {
  ensure(offset % block == 0, "a place at a whole block");
  crypto_stream_xchacha20_xor_ic(bytes.data(), bytes.data(), bytes.size(), nonce.data(),
                                 offset / block, key_.view().data());
}

}  // namespace cloister::crypto
