// Several trainings, one after the other, as one job: one row of progress, and checkpoints that
// carry what earlier phases made.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "networks/job.h"
#include "networks/slices.h"

namespace cloister::privacy {

class Phases {
 public:
  // `steps` of all phases together. "privacy.bad_checkpoint" for what is none of ours.
  [[nodiscard]] static Result<Phases> create(const networks::Job& job, std::int64_t steps);

  using Work = std::function<Result<Bytes>(const networks::Job&)>;
  // What the phase of this name made: from the checkpoint where it was done before, else by `work`,
  // whose own checkpoints are wrapped. Names are unique, the order is the same in every run.
  [[nodiscard]] Result<Bytes> run(const std::string& name, std::int64_t steps, const Work& work);

 private:
  Phases(const networks::Job& job, std::int64_t steps) : job_(job), all_steps_(steps) {}
  [[nodiscard]] Bytes wrapped(const std::string& name, BytesView inner) const;

  networks::Job job_;
  std::int64_t all_steps_;
  std::int64_t steps_before_ = 0;
  std::map<std::string, Bytes> done_;
  std::string resumed_phase_;
  Bytes resumed_;
};

// What a phase makes must be bytes: a tensor as F32, and back.
[[nodiscard]] Bytes packed(const networks::FloatTensor& tensor);
[[nodiscard]] Result<networks::FloatTensor> unpacked(BytesView bytes);
// Several byte strings as one, and back.
[[nodiscard]] Bytes bundled(const std::map<std::string, Bytes>& parts);
[[nodiscard]] Result<std::map<std::string, Bytes>> unbundled(BytesView bytes);

}  // namespace cloister::privacy
