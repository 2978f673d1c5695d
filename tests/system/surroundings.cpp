#include "tests/system/surroundings.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/file.h"
#include "tests/system/give_up.h"
#include "tests/system/processes.h"

namespace cloister::system_test {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> member_configs(const fs::path& out) {
  std::vector<fs::path> all;
  for (const auto& entry : fs::recursive_directory_iterator(out / "homes")) {
    const std::string name = entry.path().filename().string();
    if (name == "agent.toml" || name == "trainer.toml") all.push_back(entry.path());
  }
  std::sort(all.begin(), all.end());
  return all;
}

// The port of the coordinator that a member dials; `to` takes its place unless it is 0.
std::uint16_t redirect(const fs::path& config, std::uint16_t to) {
  auto text = read_text(config).value_or("");
  const std::string start = "coordinator = \"127.0.0.1:";
  const auto at = text.find(start);
  if (at == std::string::npos) give_up(1, fmt::format("{} names no coordinator", config.string()));
  const auto from = at + start.size();
  const auto end = text.find('"', from);
  const int port = std::atoi(text.substr(from, end - from).c_str());
  if (to != 0) {
    text.replace(from, end - from, std::to_string(to));
    if (!write_text(config, text)) give_up(1, "cannot write a configuration");
  }
  return static_cast<std::uint16_t>(port);
}

// With somebody on the coordinator's port outside, so that a namespace that leaks is seen.
void check_walls(const std::vector<SiteNetwork>& networks, std::uint16_t coordinator) {
  const auto decoy = listen_on_loopback(coordinator);
  if (!decoy || !is_reached(coordinator)) give_up(1, "the coordinator's port cannot be tried");
  for (const SiteNetwork& network : networks) {
    if (network.reaches(coordinator))
      give_up(2, "a member's network reaches the coordinator past the proxy");
    if (!network.reaches(network.listener().port))
      give_up(2, "a member's network does not reach the proxy");
  }
  close(decoy->descriptor);
}

bool is_the_program_itself(pid_t process) {
  std::error_code gone;
  const fs::path program = fs::read_symlink(fmt::format("/proc/{}/exe", process), gone);
  return program.parent_path() == fs::canonical(CLOISTER_BIN);
}

}  // namespace

Surroundings::Surroundings(Options options)
    : out_(std::move(options.out)), configs_(member_configs(out_)), seen_(configs_.size()) {
  const std::uint16_t coordinator = redirect(configs_.front(), 0);
  program_ = fs::path(CLOISTER_BIN) / "cloister";
  part_members(coordinator);
  std::vector<Listener> listeners;
  for (const SiteNetwork& network : networks_) listeners.push_back(network.listener());
  while (listeners.size() < configs_.size()) {
    const auto listener = listen_on_loopback(0);
    if (!listener) give_up(1, "no port of the loopback interface is free");
    listeners.push_back(*listener);
  }
  for (std::size_t i = 0; i < configs_.size(); ++i) redirect(configs_[i], listeners[i].port);
  proxy_.emplace(FaultProxy::start(options.seed, coordinator, listeners, options.faults));
  if (!networks_.empty()) lay_out_programs(options.programs);
}

void Surroundings::part_members(std::uint16_t coordinator) {
  for (std::size_t i = 0; i < configs_.size(); ++i) {
    auto network = SiteNetwork::make();
    if (!network) {
      fmt::print(stderr,
                 "chaos: NO NETWORK NAMESPACES: the kernel permits none here ({}). Members share "
                 "one loopback interface with the coordinator; the rest of the run is the same.\n",
                 network.error());
      networks_.clear();
      return;
    }
    networks_.push_back(std::move(*network));
  }
  check_walls(networks_, coordinator);
}

// A demo takes the programs beside itself: members' are stood in for, the others are linked.
void Surroundings::lay_out_programs(const fs::path& folder) {
  for (std::size_t i = 0; i < configs_.size(); ++i)
    fs::create_directory_symlink(networks_[i].namespaces(), configs_[i].parent_path() / "network");
  fs::remove_all(folder);
  fs::create_directories(folder);
  const fs::path real = CLOISTER_BIN;
  for (const char* name : {"cloister-coordinator", "cloister-worker", "cloister-verify"})
    fs::create_symlink(real / name, folder / name);
  for (const char* name : {"cloister-agent", "cloister-trainer"})
    fs::create_symlink(real / "start_in_network", folder / name);
  // A link would lead it back to where it came from.
  program_ = folder / "cloister";
  fs::copy_file(real / "cloister", program_);
}

void Surroundings::look() {
  if (networks_.empty()) return;
  std::set<pid_t> outside;
  for (const Process& one : processes_of(out_.string())) {
    if (one.what != What::agent && one.what != What::trainer) continue;
    const auto config = std::find_if(configs_.begin(), configs_.end(), [&](const fs::path& path) {
      return one.words.find(path.string()) != std::string::npos;
    });
    if (config == configs_.end() || !is_the_program_itself(one.pid)) continue;
    const auto which = static_cast<std::size_t>(config - configs_.begin());
    const auto inside = networks_[which].holds(one.pid);
    if (!inside) continue;
    if (*inside) {
      seen_[which].insert(one.pid);
      continue;
    }
    // A member's child is still that member, in the network of the worker that it becomes, for a
    // moment: whoever is outside at two looks in a row is none.
    if (outside_.count(one.pid) != 0) give_up(2, fmt::format("outside its network: {}", one.words));
    outside.insert(one.pid);
  }
  outside_ = std::move(outside);
}

std::string Surroundings::in_words() const {
  if (networks_.empty()) return "members on one loopback interface";
  std::size_t lives = 0;
  for (std::size_t i = 0; i < configs_.size(); ++i) {
    if (seen_[i].empty())
      give_up(2, fmt::format("never seen in its network: {}", configs_[i].string()));
    lives += seen_[i].size();
  }
  return fmt::format("{} members in network namespaces of their own, seen there in {} lives",
                     configs_.size(), lives);
}

}  // namespace cloister::system_test
