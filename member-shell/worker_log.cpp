#include "member-shell/worker_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "base/descriptor.h"
#include "base/file.h"
#include "base/log.h"

namespace cloister::member_shell {

namespace fs = std::filesystem;

fs::path WorkerLogs::file(const JobId& job) const { return folder_ / (job.text() + ".log"); }

fs::path WorkerLogs::warm_file() const { return folder_ / "warm-worker.log"; }

void WorkerLogs::begin(const fs::path& file, const JobId& job, std::uint32_t attempt,
                       Instant now) const {
  std::error_code ignored;
  const bool is_new = !fs::exists(file, ignored);
  if (is_new) forget_oldest();
  const bool is_full = !is_new && fs::file_size(file, ignored) > worker_log_bytes_max;
  const int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (is_full ? O_TRUNC : 0);
  const Descriptor log(open(file.c_str(), flags, 0600));
  const std::string line = fmt::format(
      R"({{"time":"{}","level":"info","process":"worker","event":"worker.attempt","job":"{}","attempt":"{}"}})"
      "\n",
      to_rfc3339(now), job, attempt);
  const bool written = log.is_open() && write(log.number(), line.data(), line.size()) ==
                                            static_cast<ssize_t>(line.size());
  if (written) return;
  const Error error = system_error(errno, "write", file);
  log_warn(error.code, {{"job", job.text()}, {"what", error.what}});
}

void WorkerLogs::forget_oldest() const {
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(folder_, problem)) {
    const auto written = entry.last_write_time(problem);
    if (!problem) files.emplace_back(written, entry.path());
  }
  if (files.size() < worker_logs_max) return;
  std::sort(files.begin(), files.end());
  files.resize(files.size() - worker_logs_max + 1);
  for (const auto& [written, path] : files) fs::remove(path, problem);
}

}  // namespace cloister::member_shell
