#include "privacy/attacks.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "base/bytes.h"
#include "base/prng.h"
#include "privacy/linear_attack.h"
#include "privacy/matching.h"
#include "privacy/trained_attacks.h"

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

namespace {

// Pairs that leaked, by draw.
struct Draws {
  std::vector<std::vector<std::size_t>> rows;
  FloatTensor targets;  // codes of the gallery
};

using Reconstruct = std::function<Result<FloatTensor>(const std::vector<std::size_t>& rows)>;

// Mean over the draws of what one way of attacking recognises.
Result<KnownPlaintext> one_way(std::string how, const Draws& drawn, const Gallery& gallery,
                               const Reconstruct& reconstruct) {
  KnownPlaintext result;
  result.how = std::move(how);
  const std::size_t count = drawn.rows.size();
  for (const auto& rows : drawn.rows) {
    auto made = reconstruct(rows);
    if (!made) return pass(made);
    const ReIdentification found = re_identify(crops_of(*made, gallery), gallery);
    result.found.hits += found.hits;
    result.found.patient_hits += found.patient_hits;
    result.found.n += found.n;
    result.reconstructions = std::move(*made);
  }
  // Draws share the gallery, so they sharpen the estimate but are no new samples.
  result.found.hits = (result.found.hits + count / 2) / count;
  result.found.patient_hits = (result.found.patient_hits + count / 2) / count;
  result.found.n /= count;
  return result;
}

class PlaintextAttacks {
 public:
  PlaintextAttacks(const GateInput& input, const LeakedSide& side, const Gallery& gallery,
                   const networks::Job& job)
      : input_(input),
        side_(side),
        gallery_(gallery),
        job_(job),
        images_{{static_cast<std::int64_t>(input.own.size()), 1, input.own.height, input.own.width},
                input.own.images} {}

  Result<KnownPlaintext> best(const Draws& drawn, Phases& phases) const {
    std::vector<Result<KnownPlaintext>> ways;
    ways.push_back(one_way("ridge regression", drawn, gallery_,
                           [&](const auto& rows) { return ridge(rows, drawn.targets); }));
    ways.push_back(one_way("an affine map into its own code space", drawn, gallery_,
                           [&](const auto& rows) { return affine(rows, drawn.targets); }));
    const Draws once{{drawn.rows.front()}, {}};
    ways.push_back(one_way("a small decoder trained on them", once, gallery_,
                           [&](const auto& rows) { return trained(rows, drawn.targets, phases); }));
    std::size_t best = 0;
    for (std::size_t i = 0; i < ways.size(); ++i) {
      if (!ways[i]) return std::move(ways[i]);
      if (ways[i]->found.hits > ways[best]->found.hits) best = i;
    }
    ways[best]->pairs = drawn.rows.front().size();
    return std::move(ways[best]);
  }

 private:
  [[nodiscard]] LeakedPairs pairs_at(const std::vector<std::size_t>& rows) const {
    return {rows_at(images_, rows), rows_at(side_.own_codes, rows)};
  }

  Result<FloatTensor> ridge(const std::vector<std::size_t>& rows,
                            const FloatTensor& targets) const {
    return linear_attack(pairs_at(rows), targets);
  }

  Result<FloatTensor> affine(const std::vector<std::size_t>& rows,
                             const FloatTensor& targets) const {
    const auto moved = affine_match(
        {rows_at(side_.own_codes, rows), rows_at(side_.attacker_codes, rows)}, targets);
    if (!moved) return moved;
    return decoded(side_.attacker_decoder, *moved, job_.compute);
  }

  Result<FloatTensor> trained(const std::vector<std::size_t>& rows, const FloatTensor& targets,
                              Phases& phases) const {
    const std::int64_t steps = std::max<std::int64_t>(1, input_.foreign.recipe.steps / 2);
    const AttackTraining training{steps, input_.foreign.recipe.batch, input_.seed + rows.size()};
    const auto made = phases.run(
        fmt::format("decoder of {} pairs", rows.size()), steps, [&](const networks::Job& job) {
          return trained_decoder_attack(pairs_at(rows), targets, training, job);
        });
    if (!made) return pass(made);
    return unpacked(*made);
  }

  const GateInput& input_;
  const LeakedSide& side_;
  const Gallery& gallery_;
  const networks::Job& job_;
  FloatTensor images_;
};

// A seed of the gate's own: it must differ from the site's secret one, nothing more.
Bytes attacker_seed(const GateInput& input, std::string_view purpose) {
  Bytes seed = to_bytes("cloister gate ");
  append(seed, as_bytes(purpose));
  append(seed, be64(input.seed));
  return seed;
}

Result<AttackerAutoencoder> unbundled_autoencoder(const Result<Bytes>& made) {
  if (!made) return pass(made);
  auto parts = unbundled(*made);
  if (!parts) return pass(parts);
  return AttackerAutoencoder{std::move((*parts)["encoder"]), std::move((*parts)["decoder"])};
}

}  // namespace

std::vector<std::size_t> pairs_tried(const GateInput& input) {
  std::vector<std::size_t> tried;
  for (const std::size_t pairs : leaked_pairs) {
    if (pairs <= input.own.size()) tried.push_back(pairs);
  }
  return tried;
}

Result<FloatTensor> decoded(const Bytes& decoder, const FloatTensor& codes,
                            const networks::Compute& compute) {
  auto loaded = networks::Decoder::load(decoder, compute);
  if (!loaded) return pass(loaded);
  return loaded->decode(codes);
}

Result<std::vector<KnownPlaintext>> known_plaintext(const GateInput& input, const LeakedSide& side,
                                                    const Gallery& gallery, Phases& phases,
                                                    const networks::Job& job) {
  std::vector<KnownPlaintext> results;
  const PlaintextAttacks attacks(input, side, gallery, job);
  const FloatTensor targets = rows_at(input.codes, gallery.slice);
  Prng prng(input.seed);
  for (const std::size_t pairs : pairs_tried(input)) {
    Draws draws_of{{}, targets};
    for (int draw = 0; draw < draws; ++draw) {
      draws_of.rows.push_back(drawn(pairs, input.own.size(), prng));
    }
    auto best = attacks.best(draws_of, phases);
    if (!best) return pass(best);
    results.push_back(std::move(*best));
  }
  return results;
}

Result<AttackerAutoencoder> attacker_autoencoder(const GateInput& input, Phases& phases) {
  return unbundled_autoencoder(
      phases.run("image autoencoder", input.foreign.recipe.steps,
                 [&](const networks::Job& job) -> Result<Bytes> {
                   const auto trained = networks::train_image_encoder(
                       input.own, input.foreign, attacker_seed(input, "image"), job);
                   if (!trained) return pass(trained);
                   return bundled({{"encoder", trained->encoder}, {"decoder", trained->decoder}});
                 }));
}

Result<AttackerAutoencoder> attacker_mask_autoencoder(const GateInput& input, Phases& phases) {
  return unbundled_autoencoder(phases.run(
      "mask autoencoder", input.foreign_mask.recipe.steps,
      [&](const networks::Job& job) -> Result<Bytes> {
        networks::MaskEncoderOptions options = input.foreign_mask;
        options.attempts_max = 1;
        const auto trained =
            networks::train_mask_encoder(input.own, options, attacker_seed(input, "mask"), job);
        if (!trained) return pass(trained);
        return bundled({{"encoder", trained->encoder}, {"decoder", trained->decoder}});
      }));
}

}  // namespace cloister::privacy
