#include "worker/codes.h"

#include <algorithm>

#include "base/ensure.h"
#include "networks/views.h"

namespace cloister::worker {
namespace {

using networks::FloatTensor;

std::size_t sample_size(const FloatTensor& tensor) {
  ensure(!tensor.shape.empty() && tensor.shape[0] > 0, "a tensor of samples");
  return tensor.data.size() / static_cast<std::size_t>(tensor.shape[0]);
}

// Sample `view` of every group of `views`.
FloatTensor take_view(const FloatTensor& tensor, std::size_t view, std::size_t views) {
  const std::size_t size = sample_size(tensor);
  const std::size_t slices = static_cast<std::size_t>(tensor.shape[0]) / views;
  FloatTensor taken{tensor.shape, std::vector<float>(slices * size)};
  taken.shape[0] = static_cast<std::int64_t>(slices);
  for (std::size_t slice = 0; slice < slices; ++slice) {
    const auto from = static_cast<std::ptrdiff_t>((slice * views + view) * size);
    std::copy_n(tensor.data.begin() + from, size,
                taken.data.begin() + static_cast<std::ptrdiff_t>(slice * size));
  }
  return taken;
}

}  // namespace

Result<FloatTensor> encode_with_views(const networks::Encoder& encoder,
                                      const networks::SliceSet& slices, int views) {
  const auto chosen = networks::test_views(views);
  const std::size_t count = chosen.size();
  FloatTensor all;
  for (std::size_t view = 0; view < count; ++view) {
    const auto codes = encoder.encode(networks::apply_test_view(slices, chosen[view]));
    if (!codes) return codes;
    const std::size_t size = sample_size(*codes);
    if (view == 0) {
      all.shape = codes->shape;
      all.shape[0] *= static_cast<std::int64_t>(count);
      all.data.resize(codes->data.size() * count);
    }
    for (std::size_t slice = 0; slice < slices.size(); ++slice) {
      const auto onto = static_cast<std::ptrdiff_t>((slice * count + view) * size);
      std::copy_n(codes->data.begin() + static_cast<std::ptrdiff_t>(slice * size), size,
                  all.data.begin() + onto);
    }
  }
  return all;
}

namespace {

tl::unexpected<Error> other_count() {
  return fail(Kind::corrupt, "codes.count", "A reply holds another number of codes than asked for.",
              "Ask for the prediction again.");
}

// The mean over the test-time views, each turned back, of the probabilities that `of_view` gives.
template <class OfView>
Result<FloatTensor> mean_over_views(int views, const OfView& of_view) {
  const auto chosen = networks::test_views(views);
  FloatTensor mean;
  for (std::size_t view = 0; view < chosen.size(); ++view) {
    const Result<FloatTensor> maps = of_view(view, chosen[view]);
    if (!maps) return maps;
    const FloatTensor turned = networks::undo_test_view(*maps, chosen[view]);
    if (view == 0) mean = FloatTensor{turned.shape, std::vector<float>(turned.data.size(), 0.0F)};
    for (std::size_t i = 0; i < mean.data.size(); ++i) {
      mean.data[i] += turned.data[i] / static_cast<float>(chosen.size());
    }
  }
  return mean;
}

}  // namespace

Result<FloatTensor> decode_views(const networks::Decoder& decoder, const FloatTensor& codes,
                                 int views) {
  const std::size_t count = networks::test_views(views).size();
  if (codes.shape.size() != 4 || codes.shape[0] == 0 ||
      codes.shape[0] % static_cast<std::int64_t>(count) != 0) {
    return other_count();
  }
  return mean_over_views(views, [&](std::size_t view, const networks::TestView&) {
    return decoder.decode(take_view(codes, view, count));
  });
}

Result<FloatTensor> segment_with_views(const networks::Encoder& encoder,
                                       const networks::SliceSet& slices, int views) {
  return mean_over_views(views, [&](std::size_t, const networks::TestView& view) {
    return encoder.segment(networks::apply_test_view(slices, view));
  });
}

Result<FloatTensor> half_and_half(FloatTensor one, const FloatTensor& other) {
  if (one.shape != other.shape) return other_count();
  for (std::size_t i = 0; i < one.data.size(); ++i) one.data[i] = (one.data[i] + other.data[i]) / 2;
  return one;
}

FloatTensor first_views(const FloatTensor& codes, int views) {
  return take_view(codes, 0, networks::test_views(views).size());
}

FloatTensor samples_of(const FloatTensor& tensor, std::size_t first, std::size_t count) {
  const std::size_t size = sample_size(tensor);
  ensure((first + count) * size <= tensor.data.size(), "samples within the tensor");
  const auto from = tensor.data.begin() + static_cast<std::ptrdiff_t>(first * size);
  FloatTensor part{tensor.shape, {from, from + static_cast<std::ptrdiff_t>(count * size)}};
  part.shape[0] = static_cast<std::int64_t>(count);
  return part;
}

}  // namespace cloister::worker
