#include "coordinator/second_core.h"

#include <atomic>
#include <optional>
#include <system_error>
#include <thread>

namespace cloister::coordinator {
namespace {

// Starting a thread costs about as much as checking one signature.
constexpr std::size_t worth_a_thread = 8;

std::optional<std::thread> try_thread(std::function<void()> work) {
  try {
    return std::thread(std::move(work));
  } catch (const std::system_error&) {
    return std::nullopt;
  }
}

}  // namespace

void spread_over_two_cores(std::size_t count, const std::function<void(std::size_t)>& task) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) task(i);
  };
  auto other = count < worth_a_thread ? std::nullopt : try_thread(work);
  work();
  if (other) other->join();
}

}  // namespace cloister::coordinator
