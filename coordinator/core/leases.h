// Attempts and progress of running jobs: in memory only, because losing them costs nothing.
//
//   state     event                                        next
//   idle      progress reported                            alive until now + lease
//   any       attempt 0 reported: it waits                 idle, with what it waits for
//   alive     progress that moves (step, phase)            alive until now + lease
//   alive     the assignee polls without it for a lease    attempt + 1, idle
//   idle      (third attempt ran out)                      given up: job.failed by the coordinator
//
// Liveness is progress, not a time-out: while the assignee is not heard at all, nothing runs out.
// Its worker may still be computing behind a lost line, and nobody else can do its job anyway. So
// the lease counts only the time in which the assignee is heard and says nothing of the job.
// Members change the phase of a silent worker that computes (decision 0081): that is progress too.
// Progress of an older attempt by the same assignee is taken as that attempt's going on.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "protocol/work_messages.h"

namespace cloister::coordinator {

struct Lease {
  std::uint32_t attempt = 1;
  MemberId assignee;
  bool alive = false;
  Instant renewed;
  protocol::JobProgress progress;
};

class Leases {
 public:
  // The number an attempt has after `failures` recorded failures and the leases that ran out.
  [[nodiscard]] std::uint32_t attempt(const JobId& job, std::uint32_t failures) const;
  [[nodiscard]] const Lease* find(const JobId& job) const;

  void progress_reported(const MemberId& assignee, const protocol::JobProgress& progress,
                         Instant now);
  // The assignee was heard: which of its leases have run out. A job past its last attempt is in
  // `given_up`.
  struct Expiry {
    std::vector<JobId> offered_again;
    std::vector<JobId> given_up;
  };
  [[nodiscard]] Expiry assignee_heard(const MemberId& assignee, Instant now);
  void closed(const JobId& job);
  // A recorded failure ends the attempt.
  void failed(const JobId& job);

 private:
  void rest(const JobId& job, Lease& lease);

  std::map<JobId, Lease> leases_;
  std::map<MemberId, std::set<JobId>> alive_;
};

}  // namespace cloister::coordinator
