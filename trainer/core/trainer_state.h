// The trainer's state and the steps that work on it. Private to the core: trainer.h is its face.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "member/core_state.h"
#include "member/local_jobs.h"
#include "trainer/core/datasets.h"
#include "trainer/core/trainer.h"

namespace cloister::trainer {

struct LocalJob : member::LocalWork {
  enum class Step {
    idle,
    checking,
    witnessing,
    keys,
    fetching,
    ready,
    running,
    worked,
    leaving,
    wrapping,
    sent
  };
  Step step = Step::idle;
  std::vector<Dataset> datasets;
  std::map<std::uint64_t, provenance::Record> evidence;  // of the network's release, as signed
  std::set<Digest> unwitnessed;  // releases that this job acts on and no quorum vouches for yet
  std::string head;              // that the sites must have cosigned; see member/witnessed.h
  bool is_vouched = false;       // enough of them have
  std::uint64_t rounds = 0;      // of asking them
  std::size_t unanswered = 0;    // questions about what it reads
};

struct TrainerState : member::CoreState {
  TrainerState(TrainerOptions options, const crypto::SecretKey& key, const member::Stored& stored);

  TrainerOptions options;
  member::LocalJobs<LocalJob> jobs;
  std::optional<JobId> training;    // who has the training worker
  std::optional<JobId> predicting;  // who has the warm worker
  std::set<Digest> witnessed;       // releases that a quorum vouched for, once and for all
  std::set<Digest> tested;          // networks whose release was found to stand on its sites' tests
  // Sites whose codes each network was trained on here: they must have tested it before it serves.
  std::map<Digest, std::set<std::string>> learned_from;
};

// people.cpp: whoever runs the trainer, at its control socket
void on_person(TrainerState& state, const member::PersonAsked& event, Instant now);

// withdrawals_flow.cpp
void confirm_withdrawals(TrainerState& state, Instant now);

// jobs_flow.cpp
void reconcile(TrainerState& state, Instant now);
void fail_job(TrainerState& state, const protocol::JobView& job, const Error& error, Instant now);
void on_worker_finished(TrainerState& state, const member::WorkerFinished& event);
void on_worker_failed(TrainerState& state, const member::WorkerFailed& event, Instant now);
void on_refused(TrainerState& state, const member::RefusedProduct& refused, Instant now);

// fetch_flow.cpp: records, keys and blobs that a job reads
void begin_fetch(TrainerState& state, const protocol::JobView& job, Instant now);
void on_moved(TrainerState& state, const Digest& digest, Instant now);
void on_transfer_failed(TrainerState& state, const member::TransferFailed& event, Instant now);

// witness_flow.cpp: whether a quorum of sites saw the releases that a job acts on
void begin_witnessing(TrainerState& state, const protocol::JobView& job, Instant now);
void ask_witnesses(TrainerState& state, const protocol::JobView& job, Instant now);
void restore_witnessed(TrainerState& state, const member::Stored& stored);
void forget_witnessed(TrainerState& state);
// fetch_flow.cpp again: once they have
void fetch_keys(TrainerState& state, const protocol::JobView& job, LocalJob& local);
[[nodiscard]] Result<void> check_quarantine(const TrainerState& state, const protocol::JobView& job,
                                            const LocalJob& local);

// product_flow.cpp: what a finished worker made
void begin_reply(TrainerState& state, const protocol::JobView& job, Instant now);
void put_reply_wraps(TrainerState& state, const JobId& id, Instant now);
void record_model(TrainerState& state, const protocol::JobView& job, Instant now);
void restore_learned(TrainerState& state, const member::Stored& stored);
[[nodiscard]] Result<member::RunWorker> order_for(const TrainerState& state,
                                                  const protocol::JobView& job,
                                                  const LocalJob& local);
void record_start(TrainerState& state, const protocol::JobView& job, Instant now);

}  // namespace cloister::trainer
