// Networks as tensor files. Internal; the format, for docs/formats.md:
//
//   metadata  kind     "cloister-image-encoder", "cloister-image-decoder", "cloister-mask-encoder",
//                      "cloister-mask-decoder" or "cloister-segmentation"
//             version  "1", and the numbers that shape the network
//   tensors   one F32 tensor for each parameter and floating buffer of the module, under its name;
//             encoders and decoders also "code_mean" and "code_deviation" [128]
#pragma once

#include <torch/torch.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "networks/slices.h"
#include "tensorfile/tensor_file.h"

namespace cloister::networks {

using Texts = std::map<std::string, std::string>;
using Tensors = std::map<std::string, torch::Tensor>;

// `more` are tensors beside the module's own.
[[nodiscard]] Bytes save_network(const torch::nn::Module& module, Texts metadata,
                                 const Tensors& more);
// Fills the module; every tensor must be there with the module's shape, and nothing else but
// `more_names`. Errors: Kind::corrupt "weights.<what>".
[[nodiscard]] Result<Tensors> load_network(const tensorfile::TensorFileView& file,
                                           torch::nn::Module& module,
                                           const std::vector<std::string>& more_names);

// The file's metadata must hold this kind and a version that we read.
[[nodiscard]] Result<void> check_kind(const tensorfile::TensorFileView& file,
                                      std::string_view kind);
// A whole number in metadata, within [low, high].
[[nodiscard]] Result<int> number_in(const tensorfile::TensorFileView& file, const std::string& key,
                                    int low, int high);

[[nodiscard]] FloatTensor to_plain(const torch::Tensor& tensor);
// Copies; on the CPU.
[[nodiscard]] torch::Tensor from_plain(const FloatTensor& tensor);

[[nodiscard]] Error torch_error(std::string_view doing, std::string_view message);
// Runs LibTorch code; its exceptions become errors (Kind::exhausted for memory, else invalid).
template <class Function>
[[nodiscard]] auto guarded(std::string_view doing, Function&& function) -> decltype(function()) {
  try {
    return function();
  } catch (const std::exception& e) {
    return tl::unexpected<Error>(torch_error(doing, e.what()));
  }
}

}  // namespace cloister::networks
