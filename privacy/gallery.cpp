#include "privacy/gallery.h"

#include <algorithm>
#include <set>

#include "base/ensure.h"

namespace cloister::privacy {
namespace {

struct Crop {
  std::size_t top, left, height, width;
};

Crop body_crop(std::size_t height, std::size_t width) {
  return {height / 6, width / 6, height - 2 * (height / 6), width - 2 * (width / 6)};
}

std::vector<float> cut(const float* image, std::size_t width, const Crop& crop) {
  std::vector<float> out;
  out.reserve(crop.height * crop.width);
  for (std::size_t y = 0; y < crop.height; ++y) {
    const float* row = image + (crop.top + y) * width + crop.left;
    out.insert(out.end(), row, row + crop.width);
  }
  return out;
}

bool is_constant(const std::vector<float>& image) {
  const auto [low, high] = std::minmax_element(image.begin(), image.end());
  return *high - *low < 1e-6F;
}

}  // namespace

std::size_t Gallery::patients() const {
  return std::set<std::int64_t>(patient.begin(), patient.end()).size();
}

Gallery make_gallery(const networks::SliceSet& slices, std::size_t images_max) {
  Gallery gallery;
  const auto width = static_cast<std::size_t>(slices.width);
  const Crop crop = body_crop(static_cast<std::size_t>(slices.height), width);
  gallery.height = crop.height;
  gallery.width = crop.width;
  const std::size_t n = slices.size();
  const std::size_t wanted = std::min(n, images_max);
  for (std::size_t i = 0; i < wanted; ++i) {
    const std::size_t slice = i * n / wanted;
    auto image = cut(slices.images.data() + slice * slices.pixels(), width, crop);
    if (is_constant(image)) continue;
    gallery.images.push_back(std::move(image));
    gallery.patient.push_back(slices.patient[slice]);
    gallery.slice.push_back(slice);
  }
  return gallery;
}

std::vector<std::vector<float>> crops_of(const networks::FloatTensor& images,
                                         const Gallery& gallery) {
  ensure(images.shape.size() == 4 && images.shape[1] == 1, "reconstructions are [N, 1, H, W]");
  const auto height = static_cast<std::size_t>(images.shape[2]);
  const auto width = static_cast<std::size_t>(images.shape[3]);
  const Crop crop = body_crop(height, width);
  std::vector<std::vector<float>> out;
  out.reserve(static_cast<std::size_t>(images.shape[0]));
  for (std::size_t i = 0; i < static_cast<std::size_t>(images.shape[0]); ++i) {
    out.push_back(cut(images.data.data() + i * height * width, width, crop));
  }
  ensure(out.size() == gallery.size(), "one reconstruction for each image of the gallery");
  return out;
}

ReIdentification re_identify(const std::vector<std::vector<float>>& reconstructions,
                             const Gallery& gallery) {
  ReIdentification result;
  result.n = gallery.size();
  for (std::size_t i = 0; i < reconstructions.size(); ++i) {
    std::size_t best = 0;
    double best_score = -2;
    for (std::size_t j = 0; j < gallery.size(); ++j) {
      const double score = correlation(reconstructions[i], gallery.images[j]);
      if (score > best_score) best_score = score, best = j;
    }
    // A constant reconstruction correlates with nothing: no match, rather than a lucky first one.
    if (best_score <= 0) continue;
    if (best == i) ++result.hits;
    if (gallery.patient[best] == gallery.patient[i]) ++result.patient_hits;
  }
  return result;
}

double mean_similarity(const std::vector<std::vector<float>>& reconstructions,
                       const Gallery& gallery) {
  double sum = 0;
  for (std::size_t i = 0; i < reconstructions.size(); ++i) {
    sum += structural_similarity(reconstructions[i], gallery.images[i], gallery.width);
  }
  return reconstructions.empty() ? 0 : sum / static_cast<double>(reconstructions.size());
}

double mean_image_similarity(const Gallery& gallery) {
  if (gallery.size() == 0) return 0;
  std::vector<float> mean(gallery.images.front().size(), 0.0F);
  for (const auto& image : gallery.images) {
    for (std::size_t i = 0; i < mean.size(); ++i) {
      mean[i] += image[i] / static_cast<float>(gallery.size());
    }
  }
  return mean_similarity(std::vector<std::vector<float>>(gallery.size(), mean), gallery);
}

}  // namespace cloister::privacy
