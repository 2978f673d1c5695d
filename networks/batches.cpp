#include "networks/batches.h"

#include <algorithm>

#include "networks/coding.h"

namespace cloister::networks {
namespace {

struct Corner {
  int row = 0, column = 0;
};

// Where a window of `side` pixels lies on a slice: anywhere that holds a labelled pixel drawn at
// random, or anywhere at all on slices without labels. Most of a slice is background, and the
// networks are convolutions: a window teaches as much as the whole at a part of the cost.
Corner corner_of_window(const SliceSet& views, std::size_t slice, int side, Prng& prng) {
  const auto anywhere = [&](int from, int to) {
    return from + static_cast<int>(prng.below(static_cast<std::uint64_t>(to - from + 1)));
  };
  std::vector<int> labelled;
  if (!views.labels.empty()) {
    const auto* labels = views.labels.data() + slice * views.pixels();
    for (int i = 0; i < views.height * views.width; ++i)
      if (labels[i] != 0) labelled.push_back(i);
  }
  const int rows = views.height - side;
  const int columns = views.width - side;
  if (labelled.empty()) return {anywhere(0, rows), anywhere(0, columns)};
  const int pixel = labelled[prng.below(labelled.size())];
  const auto around = [&](int place, int room) {
    return anywhere(std::clamp(place - side + 1, 0, room), std::clamp(place, 0, room));
  };
  return {around(pixel / views.width, rows), around(pixel % views.width, columns)};
}

template <class Value>
void copy_window(const std::vector<Value>& from, const SliceSet& views, std::size_t slice,
                 Corner corner, std::vector<Value>& to, int side) {
  if (from.empty()) return;
  const auto width = static_cast<std::size_t>(views.width);
  for (int row = 0; row < side; ++row) {
    const auto* start = from.data() + slice * views.pixels() +
                        static_cast<std::size_t>(corner.row + row) * width +
                        static_cast<std::size_t>(corner.column);
    to.insert(to.end(), start, start + side);
  }
}

Lot lot_of(const SliceSet& views) {
  Lot lot;
  if (!views.images.empty()) lot.tensors.push_back(image_tensor(views, 0, views.size()));
  if (!views.labels.empty()) lot.tensors.push_back(label_tensor(views, 0, views.size()));
  return lot;
}

}  // namespace

Batches::Batches(const SliceSet& slices, const Draw& draw, const Seeds& seeds)
    : slices_(slices), draw_(draw), order_(seeds, slices.size()) {
  views_.height = slices.height;
  views_.width = slices.width;
  const auto count = static_cast<std::size_t>(draw.batch);
  if (!slices.images.empty()) views_.images.resize(count * slices.pixels());
  if (!slices.labels.empty()) views_.labels.resize(count * slices.pixels());
  views_.volume.resize(count);
  windows_.height = windows_.width = draw.window;
  windows_.volume.resize(count);
}

Lot Batches::draw(StepInput input) {
  const std::size_t pixels = slices_.pixels();
  for (std::size_t i = 0; i < views_.size(); ++i) {
    const auto position = static_cast<std::uint64_t>(input.step) * views_.size() + i;
    const std::size_t from = order_.at(position) * pixels;
    SliceView in;
    SliceOut out;
    if (!slices_.images.empty()) {
      in.image = {slices_.images.data() + from, pixels};
      out.image = {views_.images.data() + i * pixels, pixels};
    }
    if (!slices_.labels.empty()) {
      in.labels = {slices_.labels.data() + from, pixels};
      out.labels = {views_.labels.data() + i * pixels, pixels};
    }
    augment(draw_.augmentation, slices_.height, slices_.width, input.prng, in, out);
  }
  const int smaller = std::min(slices_.height, slices_.width);
  return lot_of(draw_.window > 0 && draw_.window < smaller ? windowed(input.prng) : views_);
}

const SliceSet& Batches::windowed(Prng& prng) {
  windows_.images.clear();
  windows_.labels.clear();
  for (std::size_t i = 0; i < views_.size(); ++i) {
    const auto corner = corner_of_window(views_, i, draw_.window, prng);
    copy_window(views_.images, views_, i, corner, windows_.images, draw_.window);
    copy_window(views_.labels, views_, i, corner, windows_.labels, draw_.window);
  }
  return windows_;
}

}  // namespace cloister::networks
