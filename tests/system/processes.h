// The living processes of one demo, as /proc shows them.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace cloister::system_test {

enum class What { coordinator, agent, trainer, worker, cli, other };

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  What what = What::other;
  std::string words;  // its command line
};

// Every process that names `folder` in its command line, and the workers below them.
[[nodiscard]] std::vector<Process> processes_of(const std::string& folder);
[[nodiscard]] std::string to_string(What what);

}  // namespace cloister::system_test
