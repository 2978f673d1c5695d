#include "networks/mixed_precision.h"

#include <ATen/autocast_mode.h>
#include <torch/version.h>

namespace cloister::networks {
namespace {

namespace autocast = at::autocast;

void set_autocast(const Device& device, bool on) {
  const bool is_cuda = device.type == Device::Type::cuda;
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 4)
  const auto type = is_cuda ? at::kCUDA : at::kCPU;
  autocast::set_autocast_dtype(type, at::kBFloat16);
  autocast::set_autocast_enabled(type, on);
#else
  if (is_cuda) {
    autocast::set_autocast_gpu_dtype(at::kBFloat16);
    autocast::set_enabled(on);
  } else {
    autocast::set_autocast_cpu_dtype(at::kBFloat16);
    autocast::set_cpu_enabled(on);
  }
#endif
}

}  // namespace

MixedPrecision::MixedPrecision(const Device& device) : device_(device) {
  if (!device_.mixed) return;
  set_autocast(device_, true);
  autocast::increment_nesting();
}

MixedPrecision::~MixedPrecision() {
  if (!device_.mixed) return;
  // What was cast of the weights is kept while autocast lasts, and is old after a step.
  if (autocast::decrement_nesting() == 0) autocast::clear_cache();
  set_autocast(device_, false);
}

}  // namespace cloister::networks
