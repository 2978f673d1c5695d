// The shards of a pooled training, taken as they arrive: together they may be more than memory
// holds.
#pragma once

#include <string>
#include <vector>

#include "networks/scratch_codes.h"
#include "worker/job.h"

namespace cloister::worker {

class Pool {
 public:
  // Opens the scratch file in the job's folder for it, so before the sandbox closes. Its bytes are
  // hidden by a key that only this process has: no disk keeps codes after their wraps are erased.
  [[nodiscard]] static Result<Pool> open(const JobDocument& job);

  // An input's name after "shards/": "SITE/NUMBER.safetensors". After an error nothing is taken.
  void take(std::string_view name, BytesView shard);
  // What came last is complete. Errors: the first of take()'s; "pool.site_without_shards".
  [[nodiscard]] Result<void> check() const;

  [[nodiscard]] const std::vector<std::string>& sites() const { return sites_; }
  [[nodiscard]] std::size_t shards(std::size_t site) const { return shards_[site]; }
  [[nodiscard]] networks::CodeSource& codes() { return codes_; }

 private:
  Pool(std::vector<std::string> sites, networks::ScratchCodes codes);
  [[nodiscard]] Result<void> add(std::string_view name, BytesView shard);

  std::vector<std::string> sites_;
  std::vector<std::size_t> shards_;  // by site
  networks::ScratchCodes codes_;
  Result<void> so_far_;
};

// The order of sites in the network: as the job says, else as the plan does.
[[nodiscard]] Result<std::vector<std::string>> site_order(const JobDocument& job);
// "pool.unknown_site".
[[nodiscard]] Result<int> site_index(const std::vector<std::string>& sites, std::string_view site);

}  // namespace cloister::worker
