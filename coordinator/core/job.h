// One job as the ledger tells it.
//
//   state      record                                   next
//   (none)     job.submitted [coordinator]              offered (a site's) or approved (the
//                                                       trainer's: plan and permits decided it)
//   offered    job.approved [the site]                  approved; a release needs a person's permit
//   offered    job.denied [the site]                    denied
//   any open   job.denied, decision "hold"              held
//   held       job.approved, decision "resume"          approved
//   any open   job.denied, decision "abort"             aborted
//   approved   product record naming the job            done
//   failed     product record naming the job            done: late, but the work is there
//   approved   job.failed, to be tried again            approved, failures + 1
//   approved   job.failed, final or past its attempts   failed
//   failed, denied, aborted   job.approved "retry"      approved, failures = 0
//   done       anything else                            unchanged (first product wins)
//
// `running` is not in the ledger: it is an approved job whose lease is alive (leases.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/ids.h"
#include "base/time.h"
#include "coordinator/core/placed.h"
#include "protocol/jobs.h"
#include "protocol/work_messages.h"

namespace cloister::coordinator {

// Attempts of a job before it is given up; a person can then retry it.
inline constexpr std::uint32_t attempts_max = 3;

struct Job {
  JobId id;
  StudyId study;
  std::string kind;  // protocol/jobs.h
  std::string site;  // empty for pooled training
  std::uint32_t version = 1;
  std::string part;  // tells on-demand predictions apart
  MemberId assignee;
  std::string spec_json;
  Digest spec_digest;
  std::vector<protocol::NamedDigest> inputs;
  std::vector<protocol::NamedDigest> outputs;
  protocol::JobState state = protocol::JobState::offered;
  std::uint32_t failures = 0;  // job.failed records since the last approval by a person
  std::string reason;          // of the last failure, denial, hold or abort
  Instant since;               // of the present state
  bool was_approved = false;
  Bytes approval;  // envelope of the newest job.approved: an agent cites it in the product's record
  bool needs_permit = false;  // a person's release permit approves it, nothing else
  std::uint64_t changed = 0;  // ledger index of the last record about it

  [[nodiscard]] bool is_closed() const;  // done, failed, denied or aborted
  // The output of this name, or the first one; zero if there is none.
  [[nodiscard]] Digest output(std::string_view name) const;
  [[nodiscard]] bool may_run() const { return state == protocol::JobState::approved; }
  [[nodiscard]] bool may_finish() const { return may_run() || state == protocol::JobState::failed; }
  friend bool operator==(const Job&, const Job&) = default;
};

// The job that a job.submitted record opens; nothing if its details are not whole.
[[nodiscard]] std::optional<Job> job_from(const Placed& submitted);

// The kind of record that closes a job of this kind.
[[nodiscard]] provenance::RecordKind product_of(std::string_view job_kind);
// True if this record, naming the job, closes it.
[[nodiscard]] bool is_product(const Job& job, const provenance::Record& record);

// Applies a record that names the job (approval, denial, failure, product). True if it changed.
bool apply(Job& job, const Placed& placed);
// The study was closed: whatever is open ends as aborted. True if it changed.
bool close(Job& job, const Placed& placed, const std::string& reason);
// A release permit of a person approves a job that needs one. True if it changed.
bool permit(Job& job, const Placed& placed);

}  // namespace cloister::coordinator
