#include "worker/temperature.h"

#include <algorithm>
#include <cmath>

namespace cloister::worker {
namespace {

constexpr std::size_t voxels_max = 40'000;
constexpr double smallest = 1e-7;  // probabilities are cut here

struct Voxel {
  std::vector<float> probabilities;
  std::uint8_t truth = 0;
  std::size_t best = 0;
};

template <class Visit>
void for_each_voxel(const networks::FloatTensor& maps, const imaging::LabelStack& truth,
                    Visit visit) {
  const auto classes = static_cast<std::size_t>(maps.shape[1]);
  const std::size_t pixels = truth.height * truth.width;
  Voxel voxel;
  voxel.probabilities.resize(classes);
  for (std::size_t i = 0; i < truth.labels.size(); ++i) {
    const std::size_t base = i / pixels * classes * pixels + i % pixels;
    voxel.best = 0;
    for (std::size_t c = 0; c < classes; ++c) {
      voxel.probabilities[c] = maps.data[base + c * pixels];
      if (voxel.probabilities[c] > voxel.probabilities[voxel.best]) voxel.best = c;
    }
    voxel.truth = truth.labels[i];
    if (voxel.best == 0 && voxel.truth == 0) continue;
    visit(voxel);
  }
}

}  // namespace

std::vector<float> tempered(std::span<const float> probabilities, double temperature) {
  std::vector<float> out;
  double sum = 0;
  for (const float p : probabilities) {
    const double scaled =
        std::pow(std::max<double>(static_cast<double>(p), smallest), 1 / temperature);
    out.push_back(static_cast<float>(scaled));
    sum += scaled;
  }
  for (float& p : out) p = static_cast<float>(static_cast<double>(p) / sum);
  return out;
}

void TemperatureFit::add(const networks::FloatTensor& probabilities,
                         const imaging::LabelStack& truth) {
  classes_ = static_cast<std::size_t>(probabilities.shape[1]);
  for_each_voxel(probabilities, truth, [this](const Voxel& voxel) {
    // Every seventh: neighbours say the same.
    if (seen_++ % 7 != 0 || truth_.size() >= voxels_max) return;
    probabilities_.insert(probabilities_.end(), voxel.probabilities.begin(),
                          voxel.probabilities.end());
    truth_.push_back(voxel.truth);
  });
}

double TemperatureFit::loss(double temperature) const {
  double sum = 0;
  for (std::size_t i = 0; i < truth_.size(); ++i) {
    const auto p = tempered({probabilities_.data() + i * classes_, classes_}, temperature);
    sum -= std::log(std::max<double>(static_cast<double>(p[truth_[i]]), smallest));
  }
  return sum;
}

double TemperatureFit::temperature() const {
  if (truth_.empty()) return 1;
  // Golden section over log T: the loss has one minimum.
  const double ratio = (std::sqrt(5.0) - 1) / 2;
  double low = std::log(0.25);
  double high = std::log(8.0);
  for (int i = 0; i < 20; ++i) {
    const double left = high - ratio * (high - low);
    const double right = low + ratio * (high - low);
    if (loss(std::exp(left)) < loss(std::exp(right))) {
      high = right;
    } else {
      low = left;
    }
  }
  return std::exp((low + high) / 2);
}

void calibrate(imaging::Calibration& calibration, const networks::FloatTensor& probabilities,
               const imaging::LabelStack& truth, double temperature) {
  for_each_voxel(probabilities, truth, [&](const Voxel& voxel) {
    const auto p = tempered(voxel.probabilities, temperature);
    calibration.add(p[voxel.best], voxel.best == voxel.truth);
  });
}

}  // namespace cloister::worker
