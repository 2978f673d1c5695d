#include "sim_network.h"

namespace cloister::simulation {

void SimNetwork::send(const std::string& member, Timeline::Step deliver) {
  if (cut_.contains(member)) return;
  if (!is_calm_ && prng_.chance(faults_.loss)) return;
  if (!is_calm_ && prng_.chance(faults_.duplicate)) deliver_later(member, deliver);
  deliver_later(member, std::move(deliver));
}

void SimNetwork::deliver_later(const std::string& member, Timeline::Step deliver) {
  const auto span = static_cast<std::uint64_t>((faults_.delay_max - faults_.delay_min).count() + 1);
  const Duration delay =
      is_calm_ ? faults_.delay_min
               : faults_.delay_min + Duration(static_cast<std::int64_t>(prng_.below(span)));
  timeline_.after(delay, [this, member, deliver = std::move(deliver)] {
    if (!cut_.contains(member)) deliver();
  });
}

}  // namespace cloister::simulation
