// Randomness of training. Every number depends on all of the secret, not only on the 64 bits that a
// single generator would hold; and step n's numbers depend on n alone, so a resumed training needs
// no saved generator.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.h"
#include "base/prng.h"

namespace cloister::networks {

inline constexpr std::size_t secret_seed_bytes_min = 16;

// What a draw is for: different purposes never share numbers.
enum class Draw : std::uint64_t {
  initial = 1,
  order = 2,
  step = 3,
  views = 4,
  attempt = 5,
  noise = 6
};

class Seeds {
 public:
  // One generator per eight bytes; their outputs are combined by XOR.
  explicit Seeds(BytesView secret);
  [[nodiscard]] static Seeds from_public(std::uint64_t seed);

  [[nodiscard]] std::uint64_t at(Draw purpose, std::uint64_t number) const;
  // Other randomness altogether, for another attempt at the same thing.
  [[nodiscard]] Seeds attempt(std::uint64_t number) const;

  // `count` uniform numbers in [0, 1) of full seed strength.
  [[nodiscard]] std::vector<float> uniform(Draw purpose, std::uint64_t number,
                                           std::size_t count) const;

 private:
  [[nodiscard]] std::vector<Prng> streams(Draw purpose, std::uint64_t number) const;
  std::vector<std::uint64_t> words_;
};

// Every index of 0..count-1 once an epoch, in a new order each.
class EpochOrder {
 public:
  EpochOrder(Seeds seeds, std::size_t count);
  [[nodiscard]] std::size_t at(std::uint64_t position);

 private:
  Seeds seeds_;
  std::uint64_t epoch_;
  std::vector<std::size_t> order_;
};

}  // namespace cloister::networks
