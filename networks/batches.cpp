#include "networks/batches.h"

#include <algorithm>

#include "networks/coding.h"
#include "networks/side_by_side.h"

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
  const auto length = static_cast<std::size_t>(side);
  auto* into = to.data() + slice * length * length;
  for (std::size_t row = 0; row < length; ++row, into += side) {
    const auto* start = from.data() + slice * views.pixels() +
                        (static_cast<std::size_t>(corner.row) + row) * width +
                        static_cast<std::size_t>(corner.column);
    std::copy(start, start + side, into);
  }
}

Lot lot_of(const SliceSet& views) {
  Lot lot;
  if (!views.images.empty()) lot.tensors.push_back(image_tensor(views, 0, views.size()));
  if (!views.labels.empty()) lot.tensors.push_back(label_tensor(views, 0, views.size()));
  return lot;
}

}  // namespace

namespace {

SliceSet room_for(const SliceSet& like, int count, int height, int width) {
  SliceSet room;
  room.height = height;
  room.width = width;
  room.volume.resize(static_cast<std::size_t>(count));
  if (!like.images.empty()) room.images.resize(room.size() * room.pixels());
  if (!like.labels.empty()) room.labels.resize(room.size() * room.pixels());
  return room;
}

}  // namespace

Batches::Batches(const SliceSet& slices, const Draw& draw, const Seeds& seeds)
    : slices_(slices),
      draw_(draw),
      order_(seeds, slices.size()),
      views_(room_for(slices, draw.batch, slices.height, slices.width)),
      windows_(room_for(slices, draw.batch, draw.window, draw.window)) {}

Lot Batches::draw(StepInput input) {
  struct Item {
    std::size_t slice;
    Prng chance;  // its own: items are drawn side by side
  };
  std::vector<Item> items;
  for (std::size_t i = 0; i < views_.size(); ++i) {
    const auto position = static_cast<std::uint64_t>(input.step) * views_.size() + i;
    items.push_back({order_.at(position), Prng(input.prng.next())});
  }
  const int smaller = std::min(slices_.height, slices_.width);
  const bool windowed = draw_.window > 0 && draw_.window < smaller;
  side_by_side(items.size(), [&](std::size_t i) {
    view(i, items[i].slice, items[i].chance);
    if (windowed) window(i, items[i].chance);
  });
  return lot_of(windowed ? windows_ : views_);
}

void Batches::view(std::size_t item, std::size_t slice, Prng& chance) {
  const std::size_t pixels = slices_.pixels();
  SliceView in;
  SliceOut out;
  if (!slices_.images.empty()) {
    in.image = {slices_.images.data() + slice * pixels, pixels};
    out.image = {views_.images.data() + item * pixels, pixels};
  }
  if (!slices_.labels.empty()) {
    in.labels = {slices_.labels.data() + slice * pixels, pixels};
    out.labels = {views_.labels.data() + item * pixels, pixels};
  }
  augment(draw_.augmentation, slices_.height, slices_.width, chance, in, out);
}

void Batches::window(std::size_t item, Prng& chance) {
  const auto corner = corner_of_window(views_, item, draw_.window, chance);
  copy_window(views_.images, views_, item, corner, windows_.images, draw_.window);
  copy_window(views_.labels, views_, item, corner, windows_.labels, draw_.window);
}

}  // namespace cloister::networks
