#include "networks/seeds.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace cloister::networks {
namespace {

// SplitMix64's finaliser.
std::uint64_t mixed(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

std::uint64_t next_of(std::vector<Prng>& streams) {
  std::uint64_t value = 0;
  for (auto& stream : streams) value ^= stream.next();
  return value;
}

}  // namespace

Seeds::Seeds(BytesView secret) {
  for (std::size_t at = 0; at < secret.size(); at += 8) {
    std::uint64_t word = secret.size();
    for (const std::uint8_t byte : secret.subspan(at, std::min<std::size_t>(8, secret.size() - at)))
      word = (word << 8) | byte;
    words_.push_back(mixed(word + 0x9e3779b97f4a7c15ULL * (words_.size() + 1)));
  }
}

Seeds Seeds::from_public(std::uint64_t seed) { return Seeds(le64(seed)); }

std::vector<Prng> Seeds::streams(Draw purpose, std::uint64_t number) const {
  std::vector<Prng> streams;
  const std::uint64_t place = mixed(mixed(static_cast<std::uint64_t>(purpose)) + number);
  for (const std::uint64_t word : words_) streams.emplace_back(mixed(word ^ place) + word);
  return streams;
}

std::uint64_t Seeds::at(Draw purpose, std::uint64_t number) const {
  auto generators = streams(purpose, number);
  return next_of(generators);
}

Seeds Seeds::attempt(std::uint64_t number) const {
  if (number == 0) return *this;
  Seeds other = *this;
  for (std::size_t i = 0; i < words_.size(); ++i)
    other.words_[i] = mixed(words_[i] + mixed(static_cast<std::uint64_t>(Draw::attempt) + number));
  return other;
}

std::vector<float> Seeds::uniform(Draw purpose, std::uint64_t number, std::size_t count) const {
  auto generators = streams(purpose, number);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(next_of(generators) >> 40) * 0x1.0p-24f;
  return values;
}

EpochOrder::EpochOrder(Seeds seeds, std::size_t count)
    : seeds_(std::move(seeds)), epoch_(UINT64_MAX), order_(count) {}

std::size_t EpochOrder::at(std::uint64_t position) {
  const std::uint64_t epoch = position / order_.size();
  if (epoch != epoch_) {
    epoch_ = epoch;
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    Prng prng(seeds_.at(Draw::order, epoch));
    for (std::size_t i = order_.size(); i > 1; --i) std::swap(order_[i - 1], order_[prng.below(i)]);
  }
  return order_[position % order_.size()];
}

}  // namespace cloister::networks
