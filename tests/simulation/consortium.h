// One run: a whole consortium from one seed, from its genesis to a prediction on demand.
#pragma once

#include <memory>
#include <string>

#include "people.h"

namespace cloister::simulation {

enum class Verdict { finished, unsafe, stuck };

struct Outcome {
  Verdict verdict = Verdict::finished;
  std::string why;
  Duration took{0};  // virtual
  std::size_t steps = 0;
  std::size_t records = 0;
};

struct RunOptions {
  bool tell = false;
  std::size_t sites = 0;  // 0 lets the seed choose one to four
  bool fork = false;  // the coordinator shows all sites but one another history; no other faults
};
[[nodiscard]] Outcome run_consortium(std::uint64_t seed, RunOptions options);

}  // namespace cloister::simulation
