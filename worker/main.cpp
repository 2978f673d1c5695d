// cloister-worker: one job at a time, see README.md.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <string_view>

#include "base/time.h"
#include "base/version.h"
#include "crypto/start.h"
#include "networks/job.h"
#include "worker/channel.h"
#include "worker/worker.h"

namespace {

// What this build computes with, as JSON: for `cloister doctor` and reports.
int self_check() {
  const auto facts = cloister::networks::compute_facts();
  fmt::print("{{\"LibTorch\":\"{}\",\"BLAS\":\"{}\",\"CUDA devices\":\"{}\",\"warning\":\"{}\"}}\n",
             facts.torch_version, facts.blas, facts.cuda_devices, facts.warning);
  return facts.warning.empty() ? 0 : 20;
}

}  // namespace

int main(int count, char** arguments) {
  using namespace cloister;
  if (count > 1 && std::string_view(arguments[1]) == "--version") {
    fmt::print("cloister-worker {}\n", program_version());
    return 0;
  }
  if (count > 1 && std::string_view(arguments[1]) == "--self-check") return self_check();
  if (count > 1 || isatty(STDIN_FILENO) == 1) {
    fmt::print(
        "cloister-worker computes for cloister-agent and cloister-trainer, which start it and "
        "talk\n"
        "to it through its standard input and output. There is nothing to do here by hand.\n"
        "Options: --self-check, --version, --help\n");
    return count > 1 && std::string_view(arguments[1]) == "--help" ? 0 : 11;
  }
  // Frames go to a descriptor of our own: whatever a library prints goes to the log instead.
  const int output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  worker::Channel channel(STDIN_FILENO, output);
  if (!crypto::start()) return 1;
  (void)worker::stop_requested();  // the handlers are in place from here on
  try {
    const SystemClock clock;
    return worker::serve(channel, clock);
  } catch (const std::exception& unexpected) {
    channel.send_failure({Kind::unsupported, "worker.internal",
                          "The worker met an error that it does not know.",
                          "Report it with the worker's log."});
    fmt::print(stderr, "unexpected: {}\n", unexpected.what());
    return 4;
  }
}
