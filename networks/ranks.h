// Several processes that train one network together. Each computes its share of every batch;
// gradients are averaged through LibTorch's own distributed engine, c10d (Gloo). Started by hand,
// or by torchrun, Slurm or Kubernetes, with the variables they set.
//
// c10d authenticates nobody. So ranks meet on a loopback address, or on a network that the operator
// declares private and encrypted (CLOISTER_RANKS_NETWORK=private); anything else is refused.
#pragma once

#include <memory>
#include <string>

#include "networks/job.h"

namespace cloister::networks {

struct RankPlace {
  int rank = 0;
  int size = 1;
  std::string address = "127.0.0.1";  // of rank 0
  int port = 0;
  bool private_network = false;
};

// From RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT. Without WORLD_SIZE, or with 1: one rank.
// Errors: Kind::invalid "ranks.environment".
[[nodiscard]] Result<RankPlace> rank_place_from_environment();
// Errors: Kind::invalid "ranks.place"; Kind::forbidden "ranks.open_network".
[[nodiscard]] Result<void> check_place(const RankPlace& place);

// One process's membership in the group. A resource: leaves the group when it goes. One thread.
class Ranks {
 public:
  // Waits until all ranks are there (five minutes at most). Errors: Kind::unavailable
  // "ranks.join"; Kind::unsupported "ranks.no_engine" in builds without Gloo's headers.
  [[nodiscard]] static Result<std::shared_ptr<Ranks>> join(const RankPlace& place);
  struct Parts;
  explicit Ranks(std::unique_ptr<Parts> parts);
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  [[nodiscard]] int rank() const;
  [[nodiscard]] int size() const;
  [[nodiscard]] Parts& parts() { return *parts_; }

 private:
  std::unique_ptr<Parts> parts_;
};

}  // namespace cloister::networks
