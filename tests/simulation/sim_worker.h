// What a worker would hand out for a job: names and shapes as the real one's, content made up.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/prng.h"
#include "member/actions.h"

namespace cloister::simulation {

struct WorkerOutcome {
  struct Artifact {
    member::Kept kept;
    Bytes content;  // of what may leave
  };
  std::vector<Artifact> artifacts;
  std::string result_json;
};

// Sealed content is different each time (fresh keys); everything else depends on the job only.
[[nodiscard]] WorkerOutcome work_of(const member::RunWorker& order, Prng& prng);
[[nodiscard]] Duration duration_of(const member::RunWorker& order, Prng& prng);

}  // namespace cloister::simulation
