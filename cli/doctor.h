// `cloister doctor`: what is wrong on this machine, and what to do about it.
#pragma once

#include <filesystem>
#include <string>

#include "cli/answer.h"

namespace cloister::cli {

struct DoctorOptions {
  std::filesystem::path home;     // of a person; empty: not checked
  std::filesystem::path agent;    // of an agent; empty: not checked
  std::filesystem::path process;  // of a coordinator or a trainer; empty: not checked
  std::string worker = "cloister-worker";
  std::uint64_t cases_max = 8;  // of the agent's images that are opened; 0: all
  bool names = false;           // name the cases that something is wrong with
};
// Every check is made; the answer lists them, and its status is not 0 if one failed.
[[nodiscard]] Result<Answer> doctor(const DoctorOptions& options);

}  // namespace cloister::cli
