#include "networks/side_by_side.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <latch>

namespace cloister::networks {

// Through LibTorch's pool of threads: its loops with OpenMP take part only in programs that are
// compiled for the same OpenMP as LibTorch, and else run on one thread without a word.
void side_by_side(std::size_t count, const std::function<void(std::size_t)>& one) {
  const auto threads =
      std::min(count, static_cast<std::size_t>(std::max(1, at::get_num_threads())));
  std::atomic<std::size_t> next{0};
  std::atomic<bool> failed{false};
  std::exception_ptr thrown;
  const auto take = [&] {
    try {
      for (std::size_t i = next++; i < count && !failed; i = next++) one(i);
    } catch (...) {
      if (!failed.exchange(true)) thrown = std::current_exception();
    }
  };
  const auto helpers = static_cast<std::ptrdiff_t>(threads < 2 ? 0 : threads - 1);
  std::latch done(helpers);
  std::ptrdiff_t launched = 0;
  try {
    for (; launched < helpers; ++launched)
      at::launch([&take, &done] {
        take();
        done.count_down();
      });
  } catch (const std::exception&) {  // no more threads to be had: the others do it
    done.count_down(helpers - launched);
  }
  take();
  done.wait();
  if (thrown) std::rethrow_exception(thrown);
}

}  // namespace cloister::networks
