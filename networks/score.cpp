#include "networks/score.h"

#include <map>

#include "base/ensure.h"

namespace cloister::networks {

std::vector<double> dice_by_structure(const LabelPairs& pairs, int structures) {
  struct Counts {
    std::size_t both = 0, predicted = 0, truth = 0;
  };
  const auto count = static_cast<std::size_t>(structures) + 1;
  ensure(pairs.predicted.size() == pairs.truth.size() &&
             pairs.truth.size() == pairs.volume.size() * pairs.pixels,
         "predicted and true labels of the same slices");
  std::map<std::int64_t, std::vector<Counts>> volumes;
  for (std::size_t slice = 0; slice < pairs.volume.size(); ++slice) {
    auto& counts = volumes[pairs.volume[slice]];
    counts.resize(count);
    for (std::size_t i = slice * pairs.pixels; i < (slice + 1) * pairs.pixels; ++i) {
      const std::uint8_t p = pairs.predicted[i];
      const std::uint8_t t = pairs.truth[i];
      if (p < count) ++counts[p].predicted;
      if (t < count) ++counts[t].truth;
      if (p == t && p < count) ++counts[p].both;
    }
  }
  std::vector<double> dice;
  for (std::size_t structure = 1; structure < count; ++structure) {
    double sum = 0;
    double holding = 0;
    for (const auto& [volume, counts] : volumes) {
      const auto& c = counts[structure];
      if (c.truth == 0) continue;
      sum += 2.0 * static_cast<double>(c.both) / static_cast<double>(c.predicted + c.truth);
      holding += 1;
    }
    dice.push_back(holding > 0 ? sum / holding : 1.0);
  }
  return dice;
}

}  // namespace cloister::networks
