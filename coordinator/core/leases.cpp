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

void Leases::progress_reported(const protocol::JobProgress& progress, Instant now) {
  Lease& lease = leases_[progress.job];
  const bool moved = !lease.alive || lease.progress.step != progress.step ||
                     lease.progress.phase != progress.phase;
  if (moved) lease.renewed = now;
  lease.alive = true;
  lease.attempt = std::max(lease.attempt, std::min(progress.attempt, attempts_max));
  lease.progress = progress;
}

Leases::Expiry Leases::assignee_heard(const std::vector<JobId>& approved, Instant now) {
  Expiry expiry;
  for (const JobId& job : approved) {
    const auto found = leases_.find(job);
    if (found == leases_.end() || !found->second.alive) continue;
    Lease& lease = found->second;
    // A clock set back must not keep a lease alive for ever.
    lease.renewed = std::min(lease.renewed, now);
    if (now - lease.renewed < protocol::limits::lease) continue;
    lease.alive = false;
    lease.attempt += 1;
    (lease.attempt > attempts_max ? expiry.given_up : expiry.offered_again).push_back(job);
  }
  return expiry;
}

void Leases::failed(const JobId& job) {
  const auto found = leases_.find(job);
  if (found != leases_.end()) found->second.alive = false;
}

}  // namespace cloister::coordinator
