#include "privacy/attacks.h"

#include <array>
#include <cmath>

#include "base/bytes.h"
#include "base/prng.h"
#include "privacy/linear_attack.h"

namespace cloister::privacy {
namespace {

using networks::FloatTensor;
using networks::SliceSet;

constexpr std::array<std::size_t, 4> leaked_pairs{1, 4, 16, 64};
constexpr int draws = 3;

// Means over the blocks of pixels that one cell of the code grid stands for: [N, h, w].
std::vector<float> pooled_images(const SliceSet& slices, std::size_t h, std::size_t w) {
  const auto height = static_cast<std::size_t>(slices.height);
  const auto width = static_cast<std::size_t>(slices.width);
  std::vector<float> pooled(slices.size() * h * w, 0.0F);
  const auto share = static_cast<float>(h * w) / static_cast<float>(height * width);
  for (std::size_t i = 0; i < slices.images.size(); ++i) {
    const std::size_t n = i / (height * width);
    const std::size_t y = i % (height * width) / width * h / height;
    const std::size_t x = i % width * w / width;
    pooled[(n * h + y) * w + x] += slices.images[i] * share;
  }
  return pooled;
}

std::vector<float> channel_of(const FloatTensor& codes, std::size_t channel) {
  const auto channels = static_cast<std::size_t>(codes.shape[1]);
  const auto cells = static_cast<std::size_t>(codes.shape[2] * codes.shape[3]);
  std::vector<float> values;
  for (std::size_t n = 0; n < static_cast<std::size_t>(codes.shape[0]); ++n) {
    const float* from = codes.data.data() + (n * channels + channel) * cells;
    values.insert(values.end(), from, from + cells);
  }
  return values;
}

FloatTensor repeated(const std::vector<float>& map, const FloatTensor& codes,
                     const SliceSet& slices) {
  const auto h = static_cast<std::size_t>(codes.shape[2]);
  const auto w = static_cast<std::size_t>(codes.shape[3]);
  const auto height = static_cast<std::size_t>(slices.height);
  const auto width = static_cast<std::size_t>(slices.width);
  FloatTensor images{{codes.shape[0], 1, slices.height, slices.width}, {}};
  images.data.reserve(slices.size() * height * width);
  for (std::size_t n = 0; n < slices.size(); ++n) {
    for (std::size_t y = 0; y < height; ++y) {
      for (std::size_t x = 0; x < width; ++x) {
        images.data.push_back(map[(n * h + y * h / height) * w + x * w / width]);
      }
    }
  }
  return images;
}

std::vector<std::size_t> drawn(std::size_t count, std::size_t from, Prng& prng) {
  std::vector<std::size_t> all(from);
  for (std::size_t i = 0; i < from; ++i) all[i] = i;
  for (std::size_t i = 0; i < count; ++i) std::swap(all[i], all[i + prng.below(from - i)]);
  all.resize(count);
  return all;
}

}  // namespace

FloatTensor rows_at(const FloatTensor& tensor, const std::vector<std::size_t>& rows) {
  FloatTensor out{tensor.shape, {}};
  out.shape[0] = static_cast<std::int64_t>(rows.size());
  const std::size_t size =
      tensor.shape[0] == 0 ? 0 : tensor.data.size() / static_cast<std::size_t>(tensor.shape[0]);
  out.data.reserve(rows.size() * size);
  for (std::size_t row : rows) {
    const auto from = tensor.data.begin() + static_cast<std::ptrdiff_t>(row * size);
    out.data.insert(out.data.end(), from, from + static_cast<std::ptrdiff_t>(size));
  }
  return out;
}

ChannelCorrelation channel_correlation(const SliceSet& slices, const FloatTensor& codes) {
  ChannelCorrelation best;
  const auto pooled = pooled_images(slices, static_cast<std::size_t>(codes.shape[2]),
                                    static_cast<std::size_t>(codes.shape[3]));
  double signed_best = 0;
  for (std::size_t channel = 0; channel < static_cast<std::size_t>(codes.shape[1]); ++channel) {
    const double r = correlation(channel_of(codes, channel), pooled);
    if (std::abs(r) > best.largest)
      best.largest = std::abs(r), best.channel = channel, signed_best = r;
  }
  auto map = channel_of(codes, best.channel);
  if (signed_best < 0) {
    for (float& value : map) value = -value;
  }
  best.map = repeated(map, codes, slices);
  return best;
}

Result<std::vector<KnownPlaintext>> known_plaintext(const GateInput& input,
                                                    const FloatTensor& own_codes,
                                                    const Gallery& gallery) {
  std::vector<KnownPlaintext> results;
  const FloatTensor targets = rows_at(input.codes, gallery.slice);
  const FloatTensor own_images{
      {static_cast<std::int64_t>(input.own.size()), 1, input.own.height, input.own.width},
      input.own.images};
  Prng prng(input.seed);
  for (std::size_t pairs : leaked_pairs) {
    if (pairs > input.own.size()) break;
    KnownPlaintext result;
    result.pairs = pairs;
    for (int draw = 0; draw < draws; ++draw) {
      const auto rows = drawn(pairs, input.own.size(), prng);
      auto made = linear_attack({rows_at(own_images, rows), rows_at(own_codes, rows)}, targets);
      if (!made) return pass(made);
      const ReIdentification found = re_identify(crops_of(*made, gallery), gallery);
      result.found.hits += found.hits;
      result.found.patient_hits += found.patient_hits;
      result.found.n += found.n;
      result.reconstructions = std::move(*made);
    }
    // Draws share the gallery, so they sharpen the estimate but are no new samples.
    result.found.hits = (result.found.hits + draws / 2) / draws;
    result.found.patient_hits = (result.found.patient_hits + draws / 2) / draws;
    result.found.n /= draws;
    results.push_back(std::move(result));
  }
  return results;
}

Result<FloatTensor> foreign_decoder(const GateInput& input, const networks::Job& job) {
  // A seed of the gate's own: it must differ from the site's secret one, nothing more.
  Bytes seed = to_bytes("cloister gate foreign");
  append(seed, be64(input.seed));
  auto foreign = networks::train_image_encoder(input.own, input.foreign, seed, job);
  if (!foreign) return pass(foreign);
  auto decoder = networks::Decoder::load(foreign->decoder, job.compute);
  if (!decoder) return pass(decoder);
  return decoder->decode(input.codes);
}

}  // namespace cloister::privacy
