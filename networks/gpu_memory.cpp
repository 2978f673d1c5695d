#include "networks/gpu_memory.h"

#include <fmt/format.h>

#ifdef CLOISTER_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#include <torch/torch.h>

#include "networks/weights.h"
#endif

namespace cloister::networks {

Result<void> limit_gpu_memory(const Device& device, double share) {
  if (device.type == Device::Type::cpu || share >= 1) return {};
#ifdef CLOISTER_CUDA
  return guarded("limiting the memory of a GPU", [&]() -> Result<void> {
    const auto index = static_cast<c10::DeviceIndex>(device.index);
    // The allocator knows a device only once something lies on it.
    (void)torch::empty({1}, torch::Device(torch::kCUDA, index));
    c10::cuda::CUDACachingAllocator::setMemoryFraction(share, index);
    return {};
  });
#else
  return fail(
      Kind::unsupported, "device.memory_share",
      fmt::format("This build of LibTorch cannot hold a worker to {:.0f} % of the memory of '{}'.",
                  100 * share, to_string(device)),
      "Install a CUDA build of LibTorch, set gpu_memory_share = 1.0, or gpu = false.");
#endif
}

}  // namespace cloister::networks
