// What a GPU did in a part of this process's life, as a trace file: builds with CUDA only.
// Elsewhere nothing is traced. One trace at a time.
#pragma once

#include <string>

namespace cloister {

void start_gpu_trace();
// Chrome's trace format; bench/kernel_share.py reads it. False: there is none.
bool end_gpu_trace(const std::string& file);

}  // namespace cloister
