#include "privacy/mask_leakage.h"

#include <algorithm>
#include <array>
#include <map>

#include "base/ensure.h"

namespace cloister::privacy {
namespace {

using Pixels = std::vector<std::uint8_t>;

struct Counts {
  std::size_t both = 0, predicted = 0, truth = 0;
  [[nodiscard]] double dice() const {
    return truth == 0 ? -1
                      : 2.0 * static_cast<double>(both) / static_cast<double>(predicted + truth);
  }
};

// Volumes in the order of their numbers.
std::map<std::int64_t, std::size_t> places_of(const networks::SliceSet& slices) {
  std::map<std::int64_t, std::size_t> places;
  for (const std::int64_t volume : slices.volume) places.emplace(volume, 0);
  std::size_t at = 0;
  for (auto& [volume, place] : places) place = at++;
  return places;
}

// `is_predicted(slice, pixel)` for one structure.
template <class IsPredicted>
std::vector<double> dice_of(const networks::SliceSet& truth, std::uint8_t structure,
                            IsPredicted is_predicted) {
  const auto places = places_of(truth);
  std::vector<Counts> counts(places.size());
  for (std::size_t slice = 0; slice < truth.size(); ++slice) {
    Counts& c = counts[places.at(truth.volume[slice])];
    for (std::size_t i = 0; i < truth.pixels(); ++i) {
      const bool predicted = is_predicted(slice, i);
      const bool is_true = truth.labels[slice * truth.pixels() + i] == structure;
      c.predicted += predicted ? 1 : 0;
      c.truth += is_true ? 1 : 0;
      c.both += predicted && is_true ? 1 : 0;
    }
  }
  std::vector<double> dice;
  for (const Counts& c : counts) dice.push_back(c.dice());
  return dice;
}

std::vector<std::int64_t> patients_of(const networks::SliceSet& slices) {
  const auto places = places_of(slices);
  std::vector<std::int64_t> patients(places.size());
  for (std::size_t i = 0; i < slices.size(); ++i) {
    patients[places.at(slices.volume[i])] = slices.patient[i];
  }
  return patients;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  double count = 0;
  for (const double value : values) {
    if (value < 0) continue;
    sum += value;
    count += 1;
  }
  return count > 0 ? sum / count : 0;
}

double mean_at(const std::vector<double>& values, std::span<const std::size_t> rows) {
  std::vector<double> some;
  for (const std::size_t row : rows) some.push_back(values[row]);
  return mean_of(some);
}

// By volume, mean over the structures it holds; -1 where it holds none.
std::vector<double> by_volume(const VolumeDice& of) {
  std::vector<double> means;
  for (std::size_t i = 0; i < of.patient.size(); ++i) {
    std::vector<double> values;
    for (const auto& structure : of.dice) values.push_back(structure[i]);
    const bool none = std::all_of(values.begin(), values.end(), [](double v) { return v < 0; });
    means.push_back(none ? -1 : mean_of(values));
  }
  return means;
}

// How often each pixel carries the structure.
std::vector<double> share_map(const networks::SliceSet& known, std::uint8_t structure) {
  std::vector<double> share(known.pixels(), 0.0);
  for (std::size_t i = 0; i < known.labels.size(); ++i) {
    if (known.labels[i] == structure) {
      share[i % known.pixels()] += 1.0 / static_cast<double>(known.size());
    }
  }
  return share;
}

}  // namespace

double VolumeDice::mean(std::size_t structure) const { return mean_of(dice[structure - 1]); }

Interval VolumeDice::interval(std::size_t structure, std::uint64_t seed) const {
  const auto& values = dice[structure - 1];
  return cluster_interval(
      patient, [&](std::span<const std::size_t> rows) { return mean_at(values, rows); }, {0, 1},
      seed);
}

VolumeDice volume_dice(const Pixels& predicted, const networks::SliceSet& truth, int structures) {
  ensure(predicted.size() == truth.labels.size(), "predicted and true labels of the same slices");
  VolumeDice made{{}, patients_of(truth)};
  for (int k = 1; k <= structures; ++k) {
    const auto structure = static_cast<std::uint8_t>(k);
    made.dice.push_back(dice_of(truth, structure, [&](std::size_t slice, std::size_t i) {
      return predicted[slice * truth.pixels() + i] == structure;
    }));
  }
  return made;
}

VolumeDice best_constant_mask(const networks::SliceSet& known, const networks::SliceSet& truth,
                              int structures) {
  constexpr std::array<double, 8> shares{0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6};
  VolumeDice made{{}, patients_of(truth)};
  for (int k = 1; k <= structures; ++k) {
    const auto structure = static_cast<std::uint8_t>(k);
    const auto share = share_map(known, structure);
    double best_score = -1;
    double best_share = 0;
    for (const double least : shares) {
      const double score = mean_of(
          dice_of(known, structure, [&](std::size_t, std::size_t i) { return share[i] >= least; }));
      if (score > best_score) best_score = score, best_share = least;
    }
    made.dice.push_back(dice_of(
        truth, structure, [&](std::size_t, std::size_t i) { return share[i] >= best_share; }));
  }
  return made;
}

MaskLeakage mask_leakage(const VolumeDice& decoded, const VolumeDice& constant,
                         std::uint64_t seed) {
  const auto attack = by_volume(decoded);
  const auto blind = by_volume(constant);
  const auto over = [&](std::span<const std::size_t> rows) {
    return std::max(0.0, mean_at(attack, rows) - mean_at(blind, rows));
  };
  std::vector<std::size_t> all(attack.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
  MaskLeakage made;
  made.value = over(all);
  made.interval = cluster_interval(decoded.patient, over, {0, 1}, seed);
  made.decoded = mean_of(attack);
  made.constant = mean_of(blind);
  made.volumes = attack.size();
  std::vector<std::int64_t> patients = decoded.patient;
  std::sort(patients.begin(), patients.end());
  made.patients =
      static_cast<std::size_t>(std::unique(patients.begin(), patients.end()) - patients.begin());
  return made;
}

}  // namespace cloister::privacy
