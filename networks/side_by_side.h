// Work on the host that several threads share. Internal.
#pragma once

#include <cstddef>
#include <functional>

namespace cloister::networks {

// Calls `one` for 0..count-1, each once, in no order, on as many threads as LibTorch computes with;
// returns when all are done. `one` must not touch what another one does. Throws the first thing
// that one of them threw.
void side_by_side(std::size_t count, const std::function<void(std::size_t)>& one);

}  // namespace cloister::networks
