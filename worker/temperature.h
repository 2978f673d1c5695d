// Temperature scaling (Guo et al., ICML 2017): one number, fitted at the site on patients that the
// network was not trained on, that makes a decoder's probabilities say how often it is right.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "imaging/metrics.h"
#include "imaging/preprocess.h"
#include "networks/slices.h"

namespace cloister::worker {

// Probabilities of one voxel, p^(1/T) scaled to sum 1: the softmax of logits / T.
[[nodiscard]] std::vector<float> tempered(std::span<const float> probabilities, double temperature);

// Voxels where truth or prediction is a structure, of [N, classes, H, W] probabilities.
class TemperatureFit {
 public:
  void add(const networks::FloatTensor& probabilities, const imaging::LabelStack& truth);
  // The temperature in [0.25, 8] with the smallest negative log-likelihood; 1 where nothing was
  // added.
  [[nodiscard]] double temperature() const;
  [[nodiscard]] std::size_t voxels() const { return truth_.size(); }

 private:
  [[nodiscard]] double loss(double temperature) const;
  std::size_t classes_ = 0;
  std::size_t seen_ = 0;
  std::vector<float> probabilities_;  // [voxels, classes]
  std::vector<std::uint8_t> truth_;
};

// Adds the voxels as above to a calibration, at this temperature.
void calibrate(imaging::Calibration& calibration, const networks::FloatTensor& probabilities,
               const imaging::LabelStack& truth, double temperature);

}  // namespace cloister::worker
