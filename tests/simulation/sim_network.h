// A network that loses, repeats, delays, reorders and splits, as the faults say.
#pragma once

#include <set>
#include <string>

#include "faults.h"
#include "timeline.h"

namespace cloister::simulation {

class SimNetwork {
 public:
  SimNetwork(Timeline& timeline, Prng& prng, const Faults& faults)
      : timeline_(timeline), prng_(prng), faults_(faults) {}

  // Between a member and the coordinator, either way. `deliver` may run never, once or twice.
  void send(const std::string& member, Timeline::Step deliver);
  void cut(const std::string& member) { cut_.insert(member); }
  void heal(const std::string& member) { cut_.erase(member); }
  void calm() { is_calm_ = true; }  // no faults from now on

 private:
  void deliver_later(const std::string& member, Timeline::Step deliver);

  Timeline& timeline_;
  Prng& prng_;
  const Faults& faults_;
  std::set<std::string> cut_;
  bool is_calm_ = false;
};

}  // namespace cloister::simulation
