#include "coordinator/second_core.h"

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
  const std::size_t half = count < worth_a_thread ? 0 : count / 2;
  const auto first_half = [&] {
    for (std::size_t i = 0; i < half; ++i) task(i);
  };
  auto other = half == 0 ? std::nullopt : try_thread(first_half);
  if (half > 0 && !other) first_half();
  for (std::size_t i = half; i < count; ++i) task(i);
  if (other) other->join();
}

}  // namespace cloister::coordinator
