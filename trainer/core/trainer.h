// The trainer as a pure state machine: (event, now) -> actions. Level-triggered like the agent.
//
//   the coordinator says        and here                     then
//   offered                     study verified, ours         draft job.approved
//   approved                    releases not vouched for     Ask whether a quorum of sites cosigned
//   approved (train)            inputs missing               GetWraps, Download admitted shards
//   approved (train)            inputs there                 train.started, run the worker
//   approved (train)            worker finished              train.completed, model.produced
//   approved (predict)          model and requests there     warm worker; replies sealed to the
//   site approved (predict)          replies kept                 Upload, PutWraps,
//   prediction.batch done, denied, aborted       worker runs                  stop it, wipe its
//   scratch
//
// It opens only shards of manifests that the study's records admitted and nobody quarantined since.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "crypto/sign.h"
#include "member/actions.h"
#include "member/link.h"

namespace cloister::trainer {

struct TrainerOptions {
  member::LinkOptions link;
  std::string worker_device = "cpu";
  std::uint32_t threads = 0;  // 0: as many as there are
  std::uint32_t ranks = 1;    // processes that train together; each takes its share of threads
  std::string code;           // SHA-256 of the worker that trains, for its records
};

class Trainer {
 public:
  // `key` must outlive this. `stored`: every key persisted so far.
  Trainer(TrainerOptions options, const crypto::SecretKey& key, const member::Stored& stored);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  [[nodiscard]] member::Actions on(const member::Event& event, Instant now);
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  [[nodiscard]] const member::Link& link() const;
  [[nodiscard]] bool is_idle() const;
  void check_invariants() const;

 private:
  struct Inner;
  std::unique_ptr<Inner> inner_;
};

}  // namespace cloister::trainer
