// The ranks of one pooled training (networks/ranks.h) as processes made of this one: they share
// what was read so far, the scratch file included, and meet on the loopback of the sandbox.
#pragma once

#include <sys/types.h>

#include <vector>

#include "networks/ranks.h"

namespace cloister::worker {

class RankGroup {
 public:
  // Returns in every rank. Before any library has started a thread or touched a device: neither
  // survives fork(). The others end with the first, whatever ends it, and it alone is asked to
  // stop. Errors: "ranks.split".
  [[nodiscard]] static Result<RankGroup> split(int size);
  RankGroup(RankGroup&& other) noexcept;
  RankGroup& operator=(RankGroup&&) = delete;
  ~RankGroup();  // in the first rank: ends the others

  // Joins the others. The job of this rank: its share of threads, its device, and no voice but the
  // first's. Errors: as Ranks::join.
  [[nodiscard]] Result<networks::Job> join(networks::Job job) const;
  // The end of this process, in all but the first.
  void end_unless_first(const Result<void>& done) const;

 private:
  explicit RankGroup(networks::RankPlace place) : place_(std::move(place)) {}
  void become(int rank, pid_t first);

  networks::RankPlace place_;
  std::vector<pid_t> others_;  // the first rank's
};

}  // namespace cloister::worker
