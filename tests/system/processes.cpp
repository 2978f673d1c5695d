#include "tests/system/processes.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace cloister::system_test {
namespace {

std::string read_all(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Fields of /proc/PID/stat behind the name, which may hold anything.
pid_t parent_of(const std::filesystem::path& folder) {
  const std::string stat = read_all(folder / "stat");
  const auto end = stat.rfind(')');
  if (end == std::string::npos) return 0;
  std::istringstream rest(stat.substr(end + 1));
  std::string state;
  pid_t parent = 0;
  rest >> state >> parent;
  return state == "Z" ? 0 : parent;
}

What what_of(const std::string& words) {
  if (words.find("coordinator.toml") != std::string::npos) return What::coordinator;
  if (words.find("agent.toml") != std::string::npos) return What::agent;
  if (words.find("trainer.toml") != std::string::npos) return What::trainer;
  if (words.find("cloister-worker") != std::string::npos) return What::worker;
  if (words.find("cloister demo ") != std::string::npos) return What::cli;
  return What::other;
}

}  // namespace

std::vector<Process> processes_of(const std::string& folder) {
  std::vector<Process> all;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::string words = read_all(entry.path() / "cmdline");
    std::replace(words.begin(), words.end(), '\0', ' ');
    const pid_t parent = parent_of(entry.path());
    if (words.empty() || parent == 0) continue;
    all.push_back({std::stoi(name), parent, what_of(words), std::move(words)});
  }
  std::vector<Process> ours;
  for (const Process& one : all) {
    if (one.words.find(folder) != std::string::npos) ours.push_back(one);
  }
  const std::size_t named = ours.size();
  for (const Process& one : all) {
    if (one.what != What::worker || one.words.find(folder) != std::string::npos) continue;
    const bool is_ours =
        std::any_of(ours.begin(), ours.begin() + static_cast<std::ptrdiff_t>(named),
                    [&](const Process& p) { return p.pid == one.parent; });
    if (is_ours) ours.push_back(one);
  }
  return ours;
}

std::string to_string(What what) {
  switch (what) {
    case What::coordinator:
      return "coordinator";
    case What::agent:
      return "agent";
    case What::trainer:
      return "trainer";
    case What::worker:
      return "worker";
    case What::cli:
      return "cli";
    case What::other:
      break;
  }
  return "other";
}

}  // namespace cloister::system_test
