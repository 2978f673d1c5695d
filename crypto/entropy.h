// Where keys, nonces and tokens get their randomness. Never mix with base/prng.h: that one is for
// jitter and sampling.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/bytes.h"

namespace cloister::crypto {

class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual void fill(std::span<std::uint8_t> out) = 0;

  [[nodiscard]] Bytes bytes(std::size_t count);
};

// The operating system's generator.
class SystemEntropy final : public Entropy {
 public:
  void fill(std::span<std::uint8_t> out) override;
};

// The same bytes for the same seed, on every machine. For simulation and golden tests ONLY:
// whatever it makes can be made again by anyone.
class SeededEntropy final : public Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed);
  void fill(std::span<std::uint8_t> out) override;

 private:
  std::uint64_t seed_;
  std::uint64_t calls_ = 0;
};

}  // namespace cloister::crypto
