#include "bench/gpu_trace.h"

#ifdef CLOISTER_CUDA
#include <torch/csrc/autograd/profiler_kineto.h>
#endif

namespace cloister {

#ifdef CLOISTER_CUDA

void start_gpu_trace() {
  namespace impl = torch::profiler::impl;
  const impl::ProfilerConfig config(impl::ProfilerState::KINETO);
  const std::set<impl::ActivityType> activities{impl::ActivityType::CUDA};
  torch::autograd::profiler::prepareProfiler(config, activities);
  torch::autograd::profiler::enableProfiler(config, activities);
}

bool end_gpu_trace(const std::string& file) {
  const auto result = torch::autograd::profiler::disableProfiler();
  result->save(file);
  return true;
}

#else

void start_gpu_trace() {}

bool end_gpu_trace(const std::string&) { return false; }

#endif

}  // namespace cloister
