// How the steps of a training meet the device that computes them. Internal.
//
// On a GPU, launching the hundreds of small kernels of a step takes several times longer than they
// run. So the first steps of each kind run as they are, the next one is recorded as a CUDA graph
// (CUDA C++ Programming Guide, "CUDA Graphs"), and from then on it is played, on new data in the
// same places. On a CPU every step runs as it is.
#pragma once

#include <torch/torch.h>

#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "networks/job.h"

namespace cloister::networks {

// What one step learns from: tensors on the host, of the same shapes in every step of its kind.
struct Lot {
  std::vector<torch::Tensor> tensors;
  int kind = 0;  // steps of one kind are the same operations
};

// What is done with a lot that lies on the device. Recorded, it may not wait for a value of the
// device, nor do anything on the host that later steps need done again.
using Work = std::function<Result<void>(const Lot&)>;

// One thread. While it lives, that thread's work on a GPU goes to a stream of its own; before and
// after, the device is waited for.
class DeviceSteps {
 public:
  // `may_record`: false where steps do more than compute (ranks meet in them).
  DeviceSteps(const Compute& compute, bool may_record);
  ~DeviceSteps();
  DeviceSteps(const DeviceSteps&) = delete;
  DeviceSteps& operator=(const DeviceSteps&) = delete;

  // LibTorch's generator must be seeded for the step: what is played draws from it anew.
  [[nodiscard]] Result<void> run(const Lot& lot, const Work& work);

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;  // none on a CPU
};

}  // namespace cloister::networks
