// Stands in for cloister-agent and cloister-trainer (by a link of that name) where a demo looks for
// them: enters the network of the member whose configuration is named, which lies beside that as
// the link `network`, and becomes the real program. So every start of a member, the first and each
// one after a kill, ends up in the same namespace, and the demo need not know.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <string>

#include "tests/system/site_network.h"

int main(int count, char** words) {
  namespace fs = std::filesystem;
  const pid_t parent = getppid();
  fs::path config;
  for (int i = 1; i + 1 < count; ++i)
    if (std::string(words[i]) == "--config") config = words[i + 1];
  const fs::path program = fs::path(CLOISTER_BIN) / fs::path(words[0]).filename();
  if (!cloister::system_test::enter_network(config.parent_path() / "network")) {
    std::perror("cannot enter the member's network");
    return 1;
  }
  prctl(PR_SET_PDEATHSIG, SIGTERM);  // new rights may have cleared it
  if (getppid() != parent) return 1;
  execv(program.c_str(), words);
  std::perror(program.c_str());
  return 127;
}
