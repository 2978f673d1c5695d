#include "networks/device_steps.h"

#ifdef CLOISTER_CUDA
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <exception>
#include <map>
#endif

namespace cloister::networks {

#ifdef CLOISTER_CUDA

namespace {

// Libraries choose their ways and take their workspaces in the first steps.
constexpr int steps_before_recording = 3;

// All that steps of one kind keep.
struct Kind {
  std::vector<torch::Tensor> pinned;  // on the way to the device
  Lot lot;                            // on the device, where what was recorded reads
  at::cuda::CUDAEvent sent;           // `pinned` may be written again
  std::unique_ptr<at::cuda::CUDAGraph> graph;
  int seen = 0;
};

c10::cuda::CUDAStream stream_of(const Device& device) {
  const auto index = static_cast<c10::DeviceIndex>(device.index);
  torch::cuda::synchronize(index);
  return c10::cuda::getStreamFromPool(/*isHighPriority=*/false, index);
}

}  // namespace

struct DeviceSteps::Parts {
  Parts(const Compute& compute, bool may_record_)
      : device(compute.device),
        may_record(may_record_ && compute.record_steps),
        on_stream(stream_of(compute.device)),
        pool(at::cuda::graph_pool_handle()) {}
  ~Parts() {
    try {
      torch::cuda::synchronize(device.index);
    } catch (const std::exception&) {  // a device that failed says so again where it is used
    }
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  const Lot& on_device(const Lot& lot) {
    Kind& kind = kinds[lot.kind];
    if (kind.pinned.empty()) {
      kind.lot.kind = lot.kind;
      const torch::Device there(torch::kCUDA, static_cast<c10::DeviceIndex>(device.index));
      for (const auto& tensor : lot.tensors) {
        kind.pinned.push_back(torch::empty_like(tensor).pin_memory());
        kind.lot.tensors.push_back(torch::empty_like(tensor, tensor.options().device(there)));
      }
    } else {
      kind.sent.synchronize();
    }
    for (std::size_t i = 0; i < lot.tensors.size(); ++i) {
      kind.pinned[i].copy_(lot.tensors[i]);
      kind.lot.tensors[i].copy_(kind.pinned[i], /*non_blocking=*/true);
    }
    kind.sent.record();
    return kind.lot;
  }

  Result<void> run(const Lot& lot, const Work& work) {
    const Lot& there = on_device(lot);
    Kind& kind = kinds[lot.kind];
    if (!may_record || kind.seen++ < steps_before_recording) return work(there);
    if (!kind.graph) {
      auto graph = record(work, there);
      if (!graph) return pass(graph);
      kind.graph = std::move(*graph);
    }
    kind.graph->replay();
    return {};
  }

  Result<std::unique_ptr<at::cuda::CUDAGraph>> record(const Work& work, const Lot& lot) {
    // What is recorded takes memory of its own, and cannot have what lies by from the steps before.
    c10::cuda::CUDACachingAllocator::emptyCache();
    auto graph = std::make_unique<at::cuda::CUDAGraph>();
    graph->capture_begin(pool);
    try {
      auto done = work(lot);
      graph->capture_end();
      if (!done) return pass(done);
    } catch (...) {
      try {
        graph->capture_end();  // else every later call on this device fails for it
      } catch (const std::exception&) {
      }
      throw;
    }
    return graph;
  }

  Device device;
  bool may_record;
  c10::cuda::CUDAStreamGuard on_stream;
  at::cuda::MempoolId_t pool;  // one for all kinds: they never run at once
  std::map<int, Kind> kinds;
};

DeviceSteps::DeviceSteps(const Compute& compute, bool may_record) {
  if (compute.device.type == Device::Type::cuda)
    parts_ = std::make_unique<Parts>(compute, may_record);
}

Result<void> DeviceSteps::run(const Lot& lot, const Work& work) {
  return parts_ ? parts_->run(lot, work) : work(lot);
}

#else

struct DeviceSteps::Parts {};

DeviceSteps::DeviceSteps(const Compute&, bool) {}

Result<void> DeviceSteps::run(const Lot& lot, const Work& work) { return work(lot); }

#endif

DeviceSteps::~DeviceSteps() = default;

}  // namespace cloister::networks
