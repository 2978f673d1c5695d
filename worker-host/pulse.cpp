#include "worker-host/pulse.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace cloister::worker_host {
namespace {

// Clock ticks that one line of /proc/PID/stat counts (see proc(5)), if it is of this group.
std::int64_t ticks_of(const std::string& stat, pid_t group) {
  const auto end = stat.rfind(')');  // behind the name, which may hold anything
  if (end == std::string::npos) return 0;
  std::istringstream rest(stat.substr(end + 1));
  std::string skipped;
  pid_t theirs = 0;
  rest >> skipped >> skipped >> theirs;  // state, parent, group
  if (theirs != group) return 0;
  constexpr int between = 8;  // session to cmajflt
  for (int i = 0; i < between; ++i) rest >> skipped;
  std::int64_t sum = 0;
  for (int i = 0; i < 4; ++i) {  // utime, stime, cutime, cstime
    std::int64_t ticks = 0;
    rest >> ticks;
    sum += ticks;
  }
  return sum;
}

}  // namespace

Duration processor_time(pid_t group) {
  std::int64_t ticks = 0;
  std::error_code hidden;
  std::filesystem::directory_iterator all("/proc", hidden);
  for (; !hidden && all != std::filesystem::directory_iterator(); all.increment(hidden)) {
    const std::string name = all->path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream file(all->path() / "stat");
    ticks += ticks_of(std::string(std::istreambuf_iterator<char>(file), {}), group);
  }
  return Duration(ticks * 1000 / sysconf(_SC_CLK_TCK));
}

bool Pulse::look(Duration processor_time) {
  const bool computed = processor_time - seen_ >= enough_ && processor_time > seen_;
  seen_ = processor_time;
  if (!computed || signs_ >= signs_max) return false;
  ++signs_;
  return true;
}

}  // namespace cloister::worker_host
