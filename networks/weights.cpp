#include "networks/weights.h"

#include <fmt/format.h>

#include <charconv>
#include <cstring>

namespace cloister::networks {
namespace {

constexpr std::string_view weights_version = "1";

tl::unexpected<Error> bad(std::string_view code, std::string what) {
  return fail(Kind::corrupt, fmt::format("weights.{}", code), std::move(what),
              "Fetch the network again, or train it anew.");
}

Tensors own_tensors(const torch::nn::Module& module) {
  Tensors tensors;
  for (const auto& item : module.named_parameters()) tensors[item.key()] = item.value();
  for (const auto& item : module.named_buffers())
    if (item.value().is_floating_point()) tensors[item.key()] = item.value();
  return tensors;
}

tensorfile::Tensor stored(const torch::Tensor& tensor) {
  const auto plain = tensor.detach().to(torch::kCPU, torch::kFloat).contiguous();
  return tensorfile::f32_tensor(plain.sizes().vec(),
                                {plain.data_ptr<float>(), static_cast<std::size_t>(plain.numel())});
}

torch::Tensor tensor_of(const tensorfile::TensorView& view) {
  auto values = floats_of(view);
  return torch::from_blob(values.data(), view.shape, torch::kFloat).clone();
}

}  // namespace

Bytes save_network(const torch::nn::Module& module, Texts metadata, const Tensors& more) {
  tensorfile::TensorFile file;
  file.metadata = std::move(metadata);
  file.metadata["version"] = weights_version;
  for (const auto& [name, tensor] : own_tensors(module)) file.tensors[name] = stored(tensor);
  for (const auto& [name, tensor] : more) file.tensors[name] = stored(tensor);
  return write_tensor_file(file);
}

Result<Tensors> load_network(const tensorfile::TensorFileView& file, torch::nn::Module& module,
                             const std::vector<std::string>& more_names) {
  torch::NoGradGuard no_grad;
  auto own = own_tensors(module);
  if (file.tensors.size() != own.size() + more_names.size())
    return bad("count", "The network file holds more or fewer tensors than its network has.");
  for (auto& [name, tensor] : own) {
    const auto found = file.get(name, tensorfile::DType::f32);
    if (!found) return bad("missing", fmt::format("The network file lacks '{}'.", name));
    if (found->shape != tensor.sizes().vec())
      return bad("shape", fmt::format("'{}' in the network file has another shape.", name));
    tensor.copy_(tensor_of(*found));
  }
  Tensors more;
  for (const auto& name : more_names) {
    const auto found = file.get(name, tensorfile::DType::f32);
    if (!found) return bad("missing", fmt::format("The network file lacks '{}'.", name));
    more[name] = tensor_of(*found);
  }
  return more;
}

Result<void> check_kind(const tensorfile::TensorFileView& file, std::string_view kind) {
  const auto found = file.text("kind");
  if (!found || *found != kind)
    return bad("kind",
               fmt::format("The file is not a {}{}.", kind, found ? " but a " + *found : ""));
  const auto version = file.text("version");
  if (!version || *version != weights_version)
    return fail(Kind::unsupported, "weights.version",
                "The network file is of a version that this build does not read.",
                "Upgrade Cloister.");
  return {};
}

Result<int> number_in(const tensorfile::TensorFileView& file, const std::string& key, int low,
                      int high) {
  const auto text = file.text(key);
  if (!text) return bad("missing", fmt::format("The network file lacks '{}'.", key));
  int value = 0;
  const auto* end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, value);
  if (read.ec != std::errc() || read.ptr != end || value < low || value > high)
    return bad("number", fmt::format("'{}' in the network file is out of range.", key));
  return value;
}

FloatTensor to_plain(const torch::Tensor& tensor) {
  const auto plain = tensor.detach().to(torch::kCPU, torch::kFloat).contiguous();
  const auto* data = plain.data_ptr<float>();
  return {plain.sizes().vec(), {data, data + plain.numel()}};
}

torch::Tensor from_plain(const FloatTensor& tensor) {
  auto result = torch::empty(tensor.shape, torch::kFloat);
  if (!tensor.data.empty())
    std::memcpy(result.data_ptr<float>(), tensor.data.data(), tensor.data.size() * sizeof(float));
  return result;
}

Error torch_error(std::string_view doing, std::string_view message) {
  const auto line = message.substr(0, std::min(message.find('\n'), std::size_t{300}));
  const bool memory = message.find("memory") != std::string_view::npos ||
                      message.find("bad_alloc") != std::string_view::npos;
  return {memory ? Kind::exhausted : Kind::invalid, memory ? "networks.memory" : "networks.torch",
          fmt::format("LibTorch failed while {}: {}.", doing, line),
          memory ? "Lower the batch or the resolution in the plan, or allow the job more memory."
                 : "Check the sizes of the data against the plan."};
}

}  // namespace cloister::networks
