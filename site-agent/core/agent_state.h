// The agent's state and the steps that work on it. Private to the core: site_agent.h is its face.
//
// Steps are free functions over this state, one file a subject: jobs_flow (offers, workers,
// products), release_flow (what leaves), prediction_flow (volumes on demand), people (verbs). They
// add to `out`; site_agent.cpp hands it on.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "member/core_state.h"
#include "member/local_jobs.h"
#include "site-agent/core/agreed.h"
#include "site-agent/core/orders.h"
#include "site-agent/core/product_records.h"
#include "site-agent/core/products.h"
#include "site-agent/core/site_agent.h"

namespace cloister::site_agent {

struct LocalJob : member::LocalWork {
  enum class Step { idle, fetching, running, committing, worked, leaving, wrapping };
  Step step = Step::idle;
  std::vector<ReplyBlob> replies;  // with their wraps
  std::string waits_for;           // for people: what it waits for here
};

// One volume that a person wants segmented. Lost with the process: the person asks again.
struct Prediction {
  enum class Step {
    encoding,
    uploading,
    wrapping,
    recording,
    waiting,
    fetching,
    decoding,
    writing
  };
  Step step = Step::encoding;
  std::uint64_t question = 0;  // to be answered
  VolumeQuestion volume;
  std::string output;
  StudyId study;
  Permit permit;
  std::vector<member::Kept> kept;
  std::string result_json;
  Digest manifest;
  std::optional<Digest> request;  // the sealed codes in the outbox
  JobId remote;                   // the trainer's job, once it is seen
  ReplyBlob reply;
  std::vector<provenance::Input> made_of;  // the networks that it was decoded with
  Instant asked;
};

struct LeftEntry {
  std::uint64_t bytes = 0;
  std::uint64_t cases = 0;
  bool prediction = false;
  Instant at;
};

// A job that a person of this site stopped before the ledger confirmed it.
enum class Stopped {
  being_told,  // their signed word is on its way
  not_told,    // the coordinator could not be reached to sign it: kept until it says that the job
               // does not run
};

struct PublishedPolicy {
  Digest digest;
  std::string signer;
};

struct AgentState : member::CoreState {
  AgentState(AgentOptions options, const crypto::SecretKey& key, const member::Stored& stored);

  AgentOptions options;
  Products products;
  Agreements agreements;
  member::LocalJobs<LocalJob> jobs;
  std::optional<JobId> worker;        // who has the one worker
  std::map<JobId, Digest> approvals;  // newest job.approved by a person, relayed by us
  std::map<std::pair<StudyId, Digest>, LeftEntry> left;  // by study and manifest
  std::optional<PublishedPolicy> published;
  std::map<StudyId, std::vector<Permit>> permits;  // by stewards of this site
  std::uint64_t permits_read = 0;                  // Link::news() up to which they were
  std::map<JobId, Prediction> predictions;         // by local name
  std::map<JobId, Stopped> stopped_here;
  std::optional<Error> withdrawn_unread;  // why it is not known which cases were taken back

  [[nodiscard]] const std::string& site() const { return options.link.site; }
  [[nodiscard]] bool policy_is_published() const;
  [[nodiscard]] Left left_for(const StudyId& study, const Digest& besides) const;
  [[nodiscard]] OrderContext order_context(const member::Study& study,
                                           std::vector<ReplyBlob> replies = {}) const;
};

// Of the key under which a job that was stopped without the ledger knowing is stored.
inline constexpr std::string_view stopped_prefix = "stopped/";

// jobs_flow.cpp
void reconcile(AgentState& state, Instant now);
void on_artifact(AgentState& state, const member::ArtifactKept& event);
void on_worker_finished(AgentState& state, const member::WorkerFinished& event, Instant now);
void on_worker_failed(AgentState& state, const member::WorkerFailed& event, Instant now);
void on_files_committed(AgentState& state, const member::FilesCommitted& event, Instant now);
void on_refused(AgentState& state, const member::RefusedProduct& refused, Instant now);
void fail_job(AgentState& state, const protocol::JobView& job, const Error& error, Instant now);
// Cites the approval under which the job runs, and the policy if that gave it.
void cite_approval(const AgentState& state, const protocol::JobView& job,
                   provenance::Record& record);

// release_flow.cpp
void read_permits(AgentState& state);
void advance_release(AgentState& state, const protocol::JobView& job, Instant now);
void fetch_replies(AgentState& state, const protocol::JobView& job, Instant now);
void on_uploaded(AgentState& state, const Digest& digest, Instant now);
void on_downloaded(AgentState& state, const Digest& digest, Instant now);
void on_transfer_failed(AgentState& state, const member::TransferFailed& event, Instant now);
[[nodiscard]] std::optional<std::string> preview_of(const AgentState& state,
                                                    const protocol::JobView& job);

// prediction_flow.cpp
// For predictions of the study by its certified trainer; null: no steward of this site signed one.
[[nodiscard]] const Permit* standing_permit(const AgentState& state, const member::Study& study);
void start_prediction(AgentState& state, const member::PersonAsked& event, Instant now);
void advance_predictions(AgentState& state);
void on_prediction_moved(AgentState& state, const Digest& digest);
void on_prediction_stuck(AgentState& state, const member::TransferFailed& event);
void end_prediction(AgentState& state, const JobId& name, Result<std::string> outcome);
void on_volume_done(AgentState& state, Prediction& prediction, const std::string& result_json,
                    Instant now);

// withdrawals_flow.cpp: when data was taken back, of this site or of another
void confirm_withdrawals(AgentState& state, Instant now);
// What this site can take back of a study: its registered data, by digest.
[[nodiscard]] Result<std::string> withdrawable(const AgentState& state, const StudyId& study);

// people.cpp
void on_person(AgentState& state, const member::PersonAsked& event, Instant now);

}  // namespace cloister::site_agent
