// libFuzzer: whatever the bytes, the reader answers, and what it accepts is written back equal in
// content. Built by tests/fuzz.
#include <algorithm>
#include <cstdlib>

#include "tensorfile/tensor_file.h"

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
  return 0;
}
