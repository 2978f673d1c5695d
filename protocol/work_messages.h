// Messages that hand out work and report on it. See protocol/messages.h.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/ids.h"
#include "base/time.h"
#include "protocol/roles.h"

namespace cloister::protocol {

// --- Work
// -------------------------------------------------------------------------------------------

// What a worker is doing now. Reported with a Poll; renews the lease of the attempt. Attempt 0:
// nothing runs yet, and the phase says what the assignee waits for; then no lease begins.
struct JobProgress {
  JobId job;
  std::uint32_t attempt = 1;
  std::string phase;  // "training", "uploading", ...
  std::uint64_t step = 0;
  std::uint64_t steps = 0;
  double per_second = 0;
  double seconds_left = 0;   // negative: unknown
  std::string metrics_json;  // {"loss": 0.12, ...}; never a value of a single patient
  friend bool operator==(const JobProgress&, const JobProgress&) = default;
};

enum class JobState : int {
  offered = 1,   // waits for the approval of the assignee's side
  approved = 2,  // may run
  running = 3,   // progress has been seen in this attempt
  done = 4,
  failed = 5,  // past its attempts, or refused to be repeated
  denied = 6,
  held = 7,  // by a person, until resumed
  aborted = 8,
};
[[nodiscard]] std::string_view to_string(JobState state);

struct NamedDigest {
  std::string name;  // "manifest", "model", "reply", ...
  Digest digest;
  std::uint64_t size = 0;  // bytes; 0 where unknown
  friend bool operator==(const NamedDigest&, const NamedDigest&) = default;
};

struct JobView {
  JobId id;
  StudyId study;
  std::string kind;  // protocol/jobs.h
  MemberId assignee;
  std::string site;  // the site whose data it concerns; empty for pooled training
  std::uint32_t attempt = 1;
  JobState state = JobState::offered;
  std::string spec_json;  // canonical JSON: everything that decides the outcome
  Digest spec_digest;     // SHA-256 of spec_json; what an approval cites
  std::vector<NamedDigest> inputs;
  std::vector<NamedDigest> outputs;  // once done
  std::string waits_for;             // in words: what it waits for and whose move it is
  Instant since;                     // of the present state
  JobProgress progress;              // last reported
  friend bool operator==(const JobView&, const JobView&) = default;
};

// Long poll. The answer carries everything that this member must know to act: level-triggered, so
// a lost answer costs nothing.
struct Poll {
  std::uint64_t seen_version = 0;  // of the last Work; the answer may wait until it is passed
  Duration wait{0};                // at most limits::poll_wait_max
  std::uint64_t head_size = 0;     // last checkpoint this member verified; 0: none
  std::vector<JobProgress> progress;
  Bytes cosignature;  // note signature line over the checkpoint of head_size; empty: none
  friend bool operator==(const Poll&, const Poll&) = default;
};
struct StudyView {
  StudyId study;
  std::string phase;        // "open", "encoding", "training", "evaluation", "released", ...
  Bytes opened;             // DSSE envelope of study.opened: carries the signed plan
  std::vector<Bytes> more;  // later envelopes that bind members: releases, withdrawals, quarantines
  friend bool operator==(const StudyView&, const StudyView&) = default;
};
struct Work {
  std::uint64_t version = 0;
  std::vector<JobView> jobs;       // all jobs of this member that are not long closed
  std::vector<StudyView> studies;  // studies this member takes part in
  std::vector<Bytes> membership;   // key.bound / key.rotated / key.revoked envelopes
  Bytes checkpoint;                // newest signed note
  std::vector<Bytes> consistency;  // RFC 6962 proof from Poll::head_size to it, 32 bytes each
  std::vector<Bytes> peer_heads;   // checkpoints that other sites cosigned: how a fork shows
  friend bool operator==(const Work&, const Work&) = default;
};

}  // namespace cloister::protocol
