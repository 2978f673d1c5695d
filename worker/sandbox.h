// What this process gives up before it parses anything of a patient. Linux only.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/result.h"
#include "worker/job.h"

namespace cloister::worker {

struct SandboxNeeds {
  bool loopback = false;      // several ranks speak to each other over loopback sockets
  bool write_files = false;   // phantom: writes a folder
  bool device_files = false;  // a GPU's driver opens its devices for writing
  JobLimits limits;
  friend bool operator==(const SandboxNeeds& a, const SandboxNeeds& b) {
    return a.loopback == b.loopback && a.write_files == b.write_files &&
           a.device_files == b.device_files;
  }
};

// What held, for the result: one sentence fragment a part.
struct Sandbox {
  bool own_loopback = false;  // one that only this process and its children can reach
  std::string network;
  std::string system_calls;
  std::string files;
  std::string memory;
  std::string privileges;
};

// Once, before the job's inputs are read. What the kernel does not permit is said, not failed: a
// container may forbid namespaces, and the host puts limits of its own around us.
[[nodiscard]] Sandbox enter_sandbox(const SandboxNeeds& needs);
[[nodiscard]] nlohmann::json to_json(const Sandbox& sandbox);

}  // namespace cloister::worker
