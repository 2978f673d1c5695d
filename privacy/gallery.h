// The gallery that re-identification is measured on: held-out images, cut to the body crop.
#pragma once

#include <cstdint>
#include <vector>

#include "networks/slices.h"
#include "privacy/statistics.h"

namespace cloister::privacy {

// The central two thirds of each slice in both directions: what anatomy fills. The border is mostly
// air or padding and would let any blur score high.
struct Gallery {
  std::size_t height = 0;  // of the crop
  std::size_t width = 0;
  std::vector<std::vector<float>> images;  // crops of non-constant slices
  std::vector<std::int64_t> patient;       // of each image
  std::vector<std::size_t> slice;          // its number in the SliceSet it came from

  [[nodiscard]] std::size_t size() const { return images.size(); }
  [[nodiscard]] std::size_t patients() const;
};

// All slices that are not constant inside the crop, at most `images_max`, spread evenly.
[[nodiscard]] Gallery make_gallery(const networks::SliceSet& slices, std::size_t images_max = 160);

// The same crop of reconstructions [N, 1, H, W], for the gallery's slices in order.
[[nodiscard]] std::vector<std::vector<float>> crops_of(const networks::FloatTensor& images,
                                                       const Gallery& gallery);

// Each reconstruction is matched to the gallery image it correlates with best.
struct ReIdentification {
  std::size_t hits = 0;          // matched to its own image
  std::size_t patient_hits = 0;  // matched to any image of its patient
  std::size_t n = 0;
  [[nodiscard]] double top1() const {
    return n == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(n);
  }
  [[nodiscard]] double chance() const { return n == 0 ? 0 : 1.0 / static_cast<double>(n); }
  [[nodiscard]] Interval interval() const { return wilson_interval(hits, n); }
};
[[nodiscard]] ReIdentification re_identify(const std::vector<std::vector<float>>& reconstructions,
                                           const Gallery& gallery);

// Mean structural similarity of reconstructions to the gallery.
[[nodiscard]] double mean_similarity(const std::vector<std::vector<float>>& reconstructions,
                                     const Gallery& gallery);
// The same for the mean image of the gallery: what an attacker reaches who knows nothing.
[[nodiscard]] double mean_image_similarity(const Gallery& gallery);

}  // namespace cloister::privacy
