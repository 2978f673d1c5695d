// What agent and trainer keep of each job in the coordinator's list, whatever steps it takes there.
// Each has a LocalJob of its own, derived from LocalWork, with an enum Step that names `worked`:
// the worker's outcome is durable. Everything before that is ordered again after a restart.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/digest.h"
#include "base/ids.h"
#include "base/time.h"
#include "member/job_records.h"
#include "member/link.h"

namespace cloister::member {

// After a failed attempt, before the coordinator's word of the next one must have come.
constexpr Duration failure_pause{60'000};
// After a question or a transfer that failed, before it is tried again.
constexpr Duration retry_pause{10'000};

struct LocalWork {
  Worked worked;            // so far
  std::set<Digest> moving;  // blobs on their way in or out
  std::uint32_t failed_attempt = 0;
  Instant not_before;  // until a pause is over; Instant(): there is none
};

template <class LocalJob>
using LocalJobs = std::map<JobId, LocalJob>;

// The job if it is at this step; else null.
template <class LocalJob>
[[nodiscard]] LocalJob* find_at(LocalJobs<LocalJob>& jobs, const JobId& id,
                                typename LocalJob::Step step) {
  const auto found = jobs.find(id);
  return found == jobs.end() || found->second.step != step ? nullptr : &found->second;
}

template <class LocalJob>
[[nodiscard]] bool anything_moves(const LocalJobs<LocalJob>& jobs) {
  return std::any_of(jobs.begin(), jobs.end(),
                     [](const auto& entry) { return !entry.second.moving.empty(); });
}

// Ends the pauses that are over. None is left longer than `failure_pause`: the clock was set back,
// or what a job waits for is looked at again.
template <class LocalJob>
void shorten_pauses(LocalJobs<LocalJob>& jobs, Instant now) {
  for (auto& [id, local] : jobs) {
    if (local.not_before <= now) local.not_before = Instant();
    local.not_before = std::min(local.not_before, now + failure_pause);
  }
}

// When the line or the end of a pause wants to be looked at.
template <class LocalJob>
[[nodiscard]] std::optional<Instant> next_deadline(const Link& link,
                                                   const LocalJobs<LocalJob>& jobs) {
  std::optional<Instant> next = link.next_deadline();
  for (const auto& [id, local] : jobs) {
    if (local.not_before == Instant()) continue;
    next = std::min(next.value_or(local.not_before), local.not_before);
  }
  return next;
}

template <class LocalJob>
void restore_worked(LocalJobs<LocalJob>& jobs, const Stored& stored) {
  for (auto& [id, worked] : worked_in(stored)) {
    jobs[id].step = LocalJob::Step::worked;
    jobs[id].worked = std::move(worked);
  }
}

}  // namespace cloister::member
