// How much of a GPU's memory this process may take: a site's policy says so.
#pragma once

#include "base/result.h"
#include "networks/job.h"

namespace cloister::networks {

// From now on LibTorch's allocator gives this process no more than `share` (0..1) of the device's
// memory; beyond it an allocation fails as if the device were full. Nothing to do for a CPU or a
// share of 1. "device.memory_share": this build of LibTorch has no CUDA and cannot hold anybody to
// a share. The device must be there (prepare_compute).
[[nodiscard]] Result<void> limit_gpu_memory(const Device& device, double share);

}  // namespace cloister::networks
