#include "networks/hardening.h"

#include <fmt/format.h>

#include <cmath>

#include "networks/seeds.h"

namespace cloister::networks {
namespace {

constexpr double largest = 4;  // deviations; beyond it a quantised code is cut
constexpr double thousand = 1000;
constexpr double two_pi = 6.283185307179586;

double step_of(const Hardening& how) {
  return how.code_bits > 0 ? 2 * largest / std::pow(2.0, how.code_bits) : 0;
}

// FNV-1a over the pixels: tells images apart, no more; the key makes the draw secret.
std::uint64_t number_of(const torch::Tensor& image) {
  const auto* bytes = static_cast<const std::uint8_t*>(image.data_ptr());
  const auto size = static_cast<std::size_t>(image.numel()) * sizeof(float);
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (std::size_t i = 0; i < size; ++i) hash = (hash ^ bytes[i]) * 0x100000001b3ULL;
  return hash;
}

// Box and Muller (1958).
torch::Tensor normal_of(const Seeds& seeds, std::uint64_t number, torch::IntArrayRef shape,
                        std::int64_t count) {
  auto uniform = seeds.uniform(Draw::noise, number, 2 * static_cast<std::size_t>(count));
  const auto both = torch::from_blob(uniform.data(), {2, count}).clone();
  const auto radius = (-2 * (1 - both[0]).clamp_min(1e-12).log()).sqrt();
  return (radius * (two_pi * both[1]).cos()).view(shape);
}

}  // namespace

double training_noise(const Hardening& how) {
  const double step = step_of(how);
  return std::sqrt(how.code_noise * how.code_noise + step * step / 12);
}

HardenedCodes HardenedCodes::create(const Hardening& how, BytesView secret_seed) {
  HardenedCodes codes{how, {}};
  // Another stream of the secret than those that made the weights.
  const Seeds seeds(secret_seed);
  for (std::uint64_t word = 0; word < 4; ++word)
    append(codes.key, be64(seeds.at(Draw::noise, word)));
  return codes;
}

Texts HardenedCodes::texts() const {
  return {{"code_channels", std::to_string(how.code_channels)},
          {"code_bits", std::to_string(how.code_bits)},
          {"code_noise_thousandths", std::to_string(std::lround(how.code_noise * thousand))},
          {"noise_key", to_hex(key)}};
}

torch::Tensor HardenedCodes::channels() const {
  auto mask = torch::zeros({1, code_channels, 1, 1});
  mask.narrow(1, 0, how.code_channels).fill_(1);
  return mask;
}

torch::Tensor HardenedCodes::leave_as(const torch::Tensor& codes,
                                      const torch::Tensor& images) const {
  auto out = codes.clone();
  if (how.code_noise > 0) {
    const Seeds seeds(key);
    const auto pixels = images.contiguous();
    for (std::int64_t n = 0; n < out.size(0); ++n) {
      const auto shape = out[n].sizes();
      out[n] += how.code_noise *
                normal_of(seeds, number_of(pixels[n].contiguous()), shape, out[n].numel());
    }
  }
  if (const double step = step_of(how); step > 0) {
    out = (out / step).round().clamp(-largest / step, largest / step) * step;
  }
  return out * channels();
}

Result<std::optional<HardenedCodes>> hardened_codes_in(const tensorfile::TensorFileView& file) {
  if (!file.text("code_channels")) return std::optional<HardenedCodes>{};
  HardenedCodes codes;
  const auto channels = number_in(file, "code_channels", 1, static_cast<int>(code_channels));
  if (!channels) return pass(channels);
  const auto bits = number_in(file, "code_bits", 0, 16);
  if (!bits) return pass(bits);
  const auto noise = number_in(file, "code_noise_thousandths", 0, 1'000'000);
  if (!noise) return pass(noise);
  const auto key = from_hex(file.text("noise_key").value_or(""));
  if (!key || key->size() < secret_seed_bytes_min)
    return fail(Kind::corrupt, "weights.noise_key", "A hardened encoder's file lacks its key.",
                "Train the encoder anew.");
  codes.how.code_channels = *channels;
  codes.how.code_bits = *bits;
  codes.how.code_noise = *noise / thousand;
  codes.key = *key;
  return std::optional<HardenedCodes>(std::move(codes));
}

}  // namespace cloister::networks
