// What workers say on their standard error, a file a job: logs/JOB.log of the member's home. It
// stays on this machine: a library's message may name a file of the site's data.
//
// Each attempt begins with one JSON line like those of base/log.h, event "worker.attempt" with
// `job` and `attempt`; what follows it, up to the next such line, is what that worker printed. The
// warm worker of predictions does one job after the other and has one file for all of them.
#pragma once

#include <filesystem>

#include "base/ids.h"
#include "base/result.h"
#include "base/time.h"

namespace cloister::member_shell {

inline constexpr std::uint64_t worker_log_bytes_max = 4ULL << 20;  // then the file begins anew
inline constexpr std::size_t worker_logs_max = 500;                // then the oldest ones go

class WorkerLogs {
 public:
  explicit WorkerLogs(std::filesystem::path folder) : folder_(std::move(folder)) {}

  [[nodiscard]] std::filesystem::path file(const JobId& job) const;
  [[nodiscard]] std::filesystem::path warm_file() const;
  // Writes the line that an attempt begins with. Never worth failing a job for: a file that cannot
  // be written is told of in the log.
  void begin(const std::filesystem::path& file, const JobId& job, std::uint32_t attempt,
             Instant now) const;

 private:
  void forget_oldest() const;
  std::filesystem::path folder_;
};

}  // namespace cloister::member_shell
