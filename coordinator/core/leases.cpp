#include "coordinator/core/leases.h"

#include <algorithm>

#include "coordinator/core/job.h"
#include "protocol/limits.h"

namespace cloister::coordinator {

std::uint32_t Leases::attempt(const JobId& job, std::uint32_t failures) const {
  const Lease* lease = find(job);
  return std::max(failures + 1, lease == nullptr ? 1U : lease->attempt);
}

const Lease* Leases::find(const JobId& job) const {
  const auto found = leases_.find(job);
  return found == leases_.end() ? nullptr : &found->second;
}

void Leases::progress_reported(const MemberId& assignee, const protocol::JobProgress& progress,
                               Instant now) {
  Lease& lease = leases_[progress.job];
  if (progress.attempt == 0) {  // it waits for something of its own, perhaps until tonight
    rest(progress.job, lease);
    lease.progress = progress;
    return;
  }
  const bool moved = !lease.alive || lease.progress.step != progress.step ||
                     lease.progress.phase != progress.phase;
  if (moved) lease.renewed = now;
  lease.assignee = assignee;
  lease.alive = true;
  lease.attempt = std::max(lease.attempt, std::min(progress.attempt, attempts_max));
  lease.progress = progress;
  alive_[assignee].insert(progress.job);
}

Leases::Expiry Leases::assignee_heard(const MemberId& assignee, Instant now) {
  Expiry expiry;
  const auto found = alive_.find(assignee);
  if (found == alive_.end()) return expiry;
  const std::set<JobId> jobs = found->second;
  for (const JobId& job : jobs) {
    Lease& lease = leases_.at(job);
    // A clock that was set back must not keep a lease alive for ever.
    lease.renewed = std::min(lease.renewed, now);
    if (now - lease.renewed < protocol::limits::lease) continue;
    rest(job, lease);
    lease.attempt += 1;
    (lease.attempt > attempts_max ? expiry.given_up : expiry.offered_again).push_back(job);
  }
  return expiry;
}

void Leases::rest(const JobId& job, Lease& lease) {
  lease.alive = false;
  const auto found = alive_.find(lease.assignee);
  if (found == alive_.end()) return;
  found->second.erase(job);
  if (found->second.empty()) alive_.erase(found);
}

void Leases::failed(const JobId& job) {
  const auto found = leases_.find(job);
  if (found != leases_.end()) rest(job, found->second);
}

void Leases::closed(const JobId& job) {
  failed(job);
  leases_.erase(job);
}

}  // namespace cloister::coordinator
