// cloister-worker: one job at a time, see README.md.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <string_view>

#include "base/time.h"
#include "base/version.h"
#include "crypto/start.h"
#include "networks/job.h"
#include "worker/channel.h"
#include "worker/sandbox.h"
#include "worker/worker.h"

namespace {

// What this build computes with, as JSON: for `cloister doctor` and reports. With a device, whether
// jobs could compute there: it is tried in the sandbox that they have.
int self_check(const char* device) {
  using namespace cloister;
  nlohmann::json told;
  Result<networks::Compute> compute;
  if (device != nullptr) {
    const auto parsed = networks::parse_device(device);
    if (parsed) compute->device = *parsed;
    if (!parsed) compute = pass(parsed);
    worker::SandboxNeeds needs;
    needs.device_files = compute && compute->device.type == networks::Device::Type::cuda;
    (void)worker::enter_sandbox(needs);
    const auto tried = compute ? networks::try_device(*compute) : Result<void>(pass(compute));
    told["device"] = tried ? fmt::format("{} computes", device) : tried.error().what;
    if (!tried) told["next"] = tried.error().next;
  }
  const auto facts = networks::compute_facts();
  told["LibTorch"] = facts.torch_version;
  told["BLAS"] = facts.blas;
  told["CUDA devices"] = std::to_string(facts.cuda_devices);
  told["warning"] = facts.warning;
  fmt::print("{}\n", told.dump());
  return facts.warning.empty() && !told.contains("next") ? 0 : 20;
}

}  // namespace

int main(int count, char** arguments) {
  using namespace cloister;
  if (count > 1 && std::string_view(arguments[1]) == "--version") {
    fmt::print("cloister-worker {}\n", program_version());
    return 0;
  }
  if (count > 1 && std::string_view(arguments[1]) == "--self-check")
    return self_check(count > 2 ? arguments[2] : nullptr);
  if (count > 1 || isatty(STDIN_FILENO) == 1) {
    fmt::print(
        "cloister-worker computes for cloister-agent and cloister-trainer, which start it and "
        "talk\n"
        "to it through its standard input and output. There is nothing to do here by hand.\n"
        "Options: --self-check [DEVICE], --version, --help\n");
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
