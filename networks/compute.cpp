#include <fmt/format.h>
#include <malloc.h>
#include <torch/torch.h>
#include <torch/version.h>

#include <fstream>
#include <thread>

#include "networks/job.h"
#include "networks/layers.h"
#include "networks/modules.h"
#include "networks/training.h"
#include "networks/weights.h"

namespace cloister::networks {
namespace {

// The BLAS that is mapped into this process. Debian's libblas.so.3 is a link to any of several.
std::string mapped_blas() {
  if (at::globalContext().hasMKL()) return "MKL";  // inside LibTorch itself
  std::ifstream maps("/proc/self/maps");
  std::string line;
  std::string found;
  while (std::getline(maps, line)) {
    if (line.find("openblas") != std::string::npos) return "OpenBLAS";
    if (line.find("libmkl") != std::string::npos) return "MKL";
    if (line.find("blis") != std::string::npos) found = "BLIS";
    if (found.empty() && line.find("libblas") != std::string::npos) found = "netlib BLAS";
  }
  return found.empty() ? "unknown" : found;
}

// Each step frees blocks of megabytes and takes them again. glibc hands such blocks back to the
// kernel, which clears their pages at the next touch: up to a third of a step's time. So freed
// memory is kept, up to a gigabyte.
void keep_freed_memory() {
#ifdef __GLIBC__
  static const bool kept = [] {
    constexpr int mib = 1 << 20;
    return mallopt(M_MMAP_THRESHOLD, 32 * mib) == 1 && mallopt(M_TRIM_THRESHOLD, 1024 * mib) == 1 &&
           mallopt(M_TOP_PAD, 64 * mib) == 1;
  }();
  (void)kept;  // where it is refused, steps are slower and nothing else
#endif
}

LayerTable measured(torch::nn::Module& module, const std::function<void(const Watch&)>& run) {
  torch::NoGradGuard no_grad;
  module.eval();
  LayerTable table;
  for (const auto& parameter : module.parameters()) table.parameters += parameter.numel();
  run([&table](const std::string& name, const torch::Tensor& x) {
    table.layers.push_back({name, x.size(1), x.size(2), x.size(3)});
  });
  return table;
}

}  // namespace

Result<void> prepare_compute(const Compute& compute) {
  const unsigned all = std::max(1u, std::thread::hardware_concurrency());
  const int threads = compute.threads > 0 ? compute.threads : static_cast<int>(all);
  if (torch::get_num_threads() != threads) torch::set_num_threads(threads);
  keep_freed_memory();
  if (compute.device.type == Device::Type::cpu) return {};
  const auto there =
      torch::cuda::is_available() ? static_cast<int>(torch::cuda::device_count()) : 0;
  if (compute.device.index < there) return {};
  return fail(Kind::unsupported, "device.not_there",
              fmt::format("The device '{}' is not there: this machine and this build of LibTorch "
                          "offer {} GPU(s).",
                          to_string(compute.device), there),
              "Set the device to 'cpu', or install a CUDA build of LibTorch and its driver.");
}

Result<void> try_device(const Compute& compute) {
  if (auto ready = prepare_compute(compute); !ready) return ready;
  return guarded(fmt::format("trying the device '{}'", to_string(compute.device)),
                 [&]() -> Result<void> {
                   const auto x = torch::ones({1, 1, 16, 16});
                   const auto kernel = torch::ones({1, 1, 3, 3});
                   const auto device = torch_device(compute.device);
                   const auto there = torch::conv2d(x.to(device), kernel.to(device)).cpu();
                   if (torch::allclose(there, torch::conv2d(x, kernel))) return {};
                   return fail(Kind::unsupported, "device.wrong",
                               fmt::format("The device '{}' computes something else than the "
                                           "processor does.",
                                           to_string(compute.device)),
                               "Do not use it: look at its driver and at the machine's log.");
                 });
}

ComputeFacts compute_facts() {
  // A small product loads whatever BLAS is behind LibTorch.
  (void)torch::mm(torch::ones({8, 8}), torch::ones({8, 8}));
  ComputeFacts facts;
  facts.torch_version =
      fmt::format("{}.{}.{}", TORCH_VERSION_MAJOR, TORCH_VERSION_MINOR, TORCH_VERSION_PATCH);
  facts.blas = mapped_blas();
  facts.fast_blas = facts.blas == "OpenBLAS" || facts.blas == "MKL" || facts.blas == "BLIS";
  if (!facts.fast_blas)
    facts.warning = fmt::format(
        "LibTorch uses {}, which is about ten times slower than OpenBLAS: "
        "install libopenblas0-pthread.",
        facts.blas);
  facts.cuda_devices =
      torch::cuda::is_available() ? static_cast<int>(torch::cuda::device_count()) : 0;
  return facts;
}

Result<LayerTable> autoencoder_layers(int channels, int height, int width) {
  return guarded("measuring the encoding network", [&]() -> Result<LayerTable> {
    Autoencoder net(channels);
    return measured(*net, [&](const Watch& watch) {
      const auto code = net->encoder->forward(torch::zeros({1, channels, height, width}), watch);
      (void)net->decoder->forward(code, watch);
    });
  });
}

Result<LayerTable> segmentation_layers(const SegmentationOptions& options, int sites, int height,
                                       int width) {
  return guarded("measuring the segmentation network", [&]() -> Result<LayerTable> {
    SegmentationNet net(options, options.pooling == Pooling::plain ? 0 : sites);
    return measured(*net, [&](const Watch& watch) {
      (void)net->forward(torch::zeros({1, code_channels, height, width}), 0, watch);
    });
  });
}

}  // namespace cloister::networks
