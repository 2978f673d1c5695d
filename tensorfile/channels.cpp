#include "tensorfile/channels.h"

#include <algorithm>
#include <bit>
#include <optional>

#include "tensorfile/half.h"

namespace cloister::tensorfile {
namespace {

constexpr std::uint16_t minus_zero = 0x8000;

tl::unexpected<Error> refused(const std::string& name, std::string_view what) {
  return fail(Kind::corrupt, "tensorfile.channels", fmt::format("'{}' {}.", name, what),
              "Fetch or encode it again; if it stays, its writer is of another version.");
}

unsigned bits_of(std::size_t levels) {
  return std::max(1U, static_cast<unsigned>(std::bit_width(levels - 1)));
}

// One position's levels, `bits` each, from the lowest bit up. `at` counts channels.
void put_level(std::uint8_t* position, std::size_t at, unsigned bits, unsigned level) {
  const std::size_t first = at * bits;
  const unsigned shifted = level << (first % 8);
  position[first / 8] |= static_cast<std::uint8_t>(shifted);
  if (shifted > 0xFF) position[first / 8 + 1] |= static_cast<std::uint8_t>(shifted >> 8);
}

unsigned level_at(const std::uint8_t* position, std::size_t at, unsigned bits) {
  const std::size_t first = at * bits;
  unsigned both = position[first / 8];
  if (first % 8 + bits > 8) both |= static_cast<unsigned>(position[first / 8 + 1]) << 8;
  return (both >> (first % 8)) & ((1U << bits) - 1);
}

// What the values consist of; nothing if that is too much to pack.
struct Few {
  std::vector<float> levels;           // ascending
  std::vector<std::int64_t> channels;  // those with anything but 0
};

std::optional<Few> few_in(const std::vector<std::int64_t>& shape,
                          const std::vector<std::uint16_t>& halves) {
  const auto pixels = static_cast<std::size_t>(shape[2] * shape[3]);
  const auto channels = static_cast<std::size_t>(shape[1]);
  std::vector<bool> is_there(channels), is_used(1U << 16);
  std::vector<std::uint16_t> used;
  for (std::size_t i = 0; i < halves.size(); ++i) {
    if (halves[i] != 0) is_there[i / pixels % channels] = true;
    if (is_used[halves[i]]) continue;
    is_used[halves[i]] = true;
    used.push_back(halves[i]);
    if (used.size() > levels_max) return std::nullopt;
  }
  Few few;
  for (std::size_t c = 0; c < channels; ++c) {
    if (is_there[c]) few.channels.push_back(static_cast<std::int64_t>(c));
  }
  if (few.channels.empty()) return std::nullopt;
  few.levels.resize(used.size());
  from_halves(used, few.levels);
  std::sort(few.levels.begin(), few.levels.end());
  return few;
}

Tensor packed(const std::vector<std::int64_t>& shape, const std::vector<std::uint16_t>& halves,
              const Few& few) {
  std::vector<std::uint8_t> level_of(1U << 16);
  for (std::size_t l = 0; l < few.levels.size(); ++l)
    level_of[to_half(few.levels[l])] = static_cast<std::uint8_t>(l);
  const unsigned bits = bits_of(few.levels.size());
  const std::size_t width = (few.channels.size() * bits + 7) / 8;
  const auto pixels = static_cast<std::size_t>(shape[2] * shape[3]);
  const auto all = static_cast<std::size_t>(shape[1]) * pixels;
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(shape[0]) * pixels * width);
  for (std::size_t n = 0; n < static_cast<std::size_t>(shape[0]); ++n) {
    for (std::size_t k = 0; k < few.channels.size(); ++k) {
      const auto* map =
          halves.data() + n * all + static_cast<std::size_t>(few.channels[k]) * pixels;
      for (std::size_t i = 0; i < pixels; ++i)
        put_level(bytes.data() + (n * pixels + i) * width, k, bits, level_of[map[i]]);
    }
  }
  return u8_tensor({shape[0], shape[2], shape[3], static_cast<std::int64_t>(width)}, bytes);
}

struct Packing {
  std::vector<float> levels;
  std::vector<std::int64_t> channels;
  unsigned bits = 0;
};

Result<Packing> packing_of(const TensorFileView& file, const std::string& name,
                           std::int64_t channels) {
  const auto levels = file.get(name + ".levels", DType::f16);
  if (!levels) return pass(levels);
  const auto there = file.get(name + ".channels", DType::i64);
  if (!there) return pass(there);
  if (levels->shape.size() != 1 || levels->shape[0] < 1 ||
      levels->shape[0] > static_cast<std::int64_t>(levels_max) || there->shape.size() != 1 ||
      there->shape[0] < 1 || there->shape[0] > channels)
    return refused(name, "has too few or too many levels or channels");
  Packing packing{floats_of(*levels), integers_of(*there), 0};
  const auto falls = [](const auto& list) {
    return std::adjacent_find(list.begin(), list.end(), [](auto a, auto b) { return !(a < b); }) !=
           list.end();
  };
  if (falls(packing.levels) || falls(packing.channels) || packing.channels.front() < 0 ||
      packing.channels.back() >= channels)
    return refused(name, "has levels or channels out of order");
  packing.bits = bits_of(packing.levels.size());
  return packing;
}

// Beyond what a level is, or set behind the last one.
bool is_sound(const std::uint8_t* position, std::size_t width, const Packing& packing) {
  const std::size_t count = packing.channels.size();
  for (std::size_t k = 0; k < count; ++k) {
    if (level_at(position, k, packing.bits) >= packing.levels.size()) return false;
  }
  const std::size_t end = count * packing.bits;
  return end % 8 == 0 || position[width - 1] >> (end % 8) == 0;
}

Result<Channels> opened(const TensorFileView& file, const std::string& name,
                        const TensorView& bytes, std::int64_t channels) {
  const auto packing = packing_of(file, name, channels);
  if (!packing) return pass(packing);
  const auto& shape = bytes.shape;
  const std::size_t width = (packing->channels.size() * packing->bits + 7) / 8;
  const bool is_grid = shape.size() == 4 && shape[1] >= 1 && shape[1] <= side_max &&
                       shape[2] >= 1 && shape[2] <= side_max &&
                       shape[3] == static_cast<std::int64_t>(width);
  const std::size_t positions = bytes.data.size() / width;
  if (!is_grid || positions > static_cast<std::size_t>(positions_max))
    return refused(name, "is not [N, h, w, P] of its levels and channels, or too large");
  for (std::size_t i = 0; i < positions; ++i) {
    if (!is_sound(bytes.data.data() + i * width, width, *packing))
      return refused(name, "holds a level that is none");
  }
  Channels out{{shape[0], channels, shape[1], shape[2]}, {}};
  const auto pixels = static_cast<std::size_t>(shape[1] * shape[2]);
  out.data.resize(positions * static_cast<std::size_t>(channels));
  for (std::size_t i = 0; i < positions; ++i) {
    const std::uint8_t* position = bytes.data.data() + i * width;
    float* map = out.data.data() + i / pixels * static_cast<std::size_t>(channels) * pixels;
    for (std::size_t k = 0; k < packing->channels.size(); ++k) {
      const auto channel = static_cast<std::size_t>(packing->channels[k]);
      map[channel * pixels + i % pixels] = packing->levels[level_at(position, k, packing->bits)];
    }
  }
  return out;
}

}  // namespace

void put_channels(TensorFile& file, const std::string& name, const std::vector<std::int64_t>& shape,
                  std::span<const float> values) {
  auto halves = to_halves(values);
  std::replace(halves.begin(), halves.end(), minus_zero, std::uint16_t{0});
  const auto few = few_in(shape, halves);
  if (!few) {
    file.tensors[name] = f16_tensor(shape, values);
    return;
  }
  file.tensors[name] = packed(shape, halves, *few);
  file.tensors[name + ".levels"] =
      f16_tensor({static_cast<std::int64_t>(few->levels.size())}, few->levels);
  file.tensors[name + ".channels"] =
      i64_tensor({static_cast<std::int64_t>(few->channels.size())}, few->channels);
}

Result<Channels> channels_of(const TensorFileView& file, const std::string& name,
                             std::int64_t channels) {
  const auto found = file.tensors.find(name);
  if (found != file.tensors.end() && found->second.dtype == DType::u8)
    return opened(file, name, found->second, channels);
  const auto view = file.get(name, DType::f16);
  if (!view) return pass(view);
  const auto& shape = view->shape;
  if (shape.size() != 4 || shape[1] != channels || shape[2] < 1 || shape[3] < 1)
    return refused(name, fmt::format("is not [N, {}, h, w]", channels));
  return Channels{shape, floats_of(*view)};
}

}  // namespace cloister::tensorfile
