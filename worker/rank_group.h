// The ranks of one pooled training (networks/ranks.h) as processes made of this one: they share
// what was read so far, the scratch file included, and meet on the loopback of the sandbox.
#pragma once

#include <sys/types.h>

#include <functional>
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
  [[nodiscard]] bool is_first() const { return place_.rank == 0; }
  // Another rank's share of the work, and the end of its process whatever comes of it: nothing of
  // it reaches the host but a line in the log.
  [[noreturn]] void end_after(const std::function<Result<void>()>& work) const noexcept;

 private:
  explicit RankGroup(networks::RankPlace place) : place_(std::move(place)) {}
  void become(int rank, pid_t first);

  networks::RankPlace place_;
  std::vector<pid_t> others_;  // the first rank's
};

}  // namespace cloister::worker
