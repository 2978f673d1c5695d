// Maps of channels, [N, C, h, w], in a tensor file: as F16, or packed where they hold few levels.
//
// Codes of a hardened encoder are cut to a few levels, and most of their channels are empty. They
// travel in three tensors, and read back to exactly the values that F16 would have carried:
//
//   NAME           U8 [N, h, w, P]  for each position the levels of the channels that are there,
//                                   b bits each from the lowest bit up; bits left over are 0
//   NAME.levels    F16 [L]          ascending, 1 to 256 of them; b = bits of L - 1, at least 1
//   NAME.channels  I64 [K]          ascending, which of the C channels are there; the others are 0
//
// so P = (K b + 7) / 8. The writer packs whenever 256 levels are enough. The reader takes bytes of
// strangers and refuses anything else ("tensorfile.channels"), before it allocates.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tensorfile/tensor_file.h"

namespace cloister::tensorfile {

inline constexpr std::size_t levels_max = 256;
// N h w of a packed tensor: what is packed grows by much when it is opened.
inline constexpr std::int64_t positions_max = std::int64_t{1} << 21;
inline constexpr std::int64_t side_max = 1 << 12;  // of h and of w

struct Channels {
  std::vector<std::int64_t> shape;  // [N, C, h, w]
  std::vector<float> data;
};

// Rounded to half precision; `values` are finite and within its range.
void put_channels(TensorFile& file, const std::string& name, const std::vector<std::int64_t>& shape,
                  std::span<const float> values);
// `channels`: C. Errors: those of TensorFileView::get, and "tensorfile.channels".
[[nodiscard]] Result<Channels> channels_of(const TensorFileView& file, const std::string& name,
                                           std::int64_t channels);

}  // namespace cloister::tensorfile
