// libFuzzer: whatever the bytes, the reader answers, and what it accepts is written back equal in
// content. Built by tests/fuzz.
#include <algorithm>
#include <cstdlib>

#include "tensorfile/channels.h"

using namespace cloister;
using namespace cloister::tensorfile;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto read = read_tensor_file({data, size});
  if (!read) return 0;
  TensorFile copy;
  copy.metadata = read->metadata;
  for (const auto& [name, view] : read->tensors)
    copy.tensors[name] = {view.dtype, view.shape, {view.data.begin(), view.data.end()}};
  const auto bytes = write_tensor_file(copy);
  const auto again = read_tensor_file(bytes);
  if (!again || again->metadata != read->metadata || again->tensors.size() != read->tensors.size())
    std::abort();
  for (const auto& [name, view] : read->tensors) {
    const auto& other = again->tensors.at(name);
    if (other.shape != view.shape || other.dtype != view.dtype ||
        !std::equal(view.data.begin(), view.data.end(), other.data.begin(), other.data.end()))
      std::abort();
  }
  for (const auto& [name, view] : read->tensors) {
    const auto maps = channels_of(*read, name, 128);
    if (!maps) continue;
    TensorFile packed;  // what was read is written and read to the same values
    put_channels(packed, name, maps->shape, maps->data);
    const Bytes packed_bytes = write_tensor_file(packed);
    const auto packed_view = read_tensor_file(packed_bytes);
    if (!packed_view) std::abort();
    const auto same = channels_of(*packed_view, name, 128);
    if (!same || same->shape != maps->shape || same->data != maps->data) std::abort();
  }
  return 0;
}
