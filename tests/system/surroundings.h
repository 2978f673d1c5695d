// Where the members of one demo run while processes are killed: agents and trainer each in a
// network namespace of its own, out of which only the fault proxy leads; coordinator and people
// outside. Where the kernel permits no namespaces, all share one loopback interface, and the run
// says so by name.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <vector>

#include "tests/system/fault_proxy.h"
#include "tests/system/site_network.h"

namespace cloister::system_test {

class Surroundings {
 public:
  struct Options {
    std::filesystem::path out;       // of a demo that stands still
    std::filesystem::path programs;  // a folder to make
    std::uint64_t seed = 1;          // of the faults
    LineFaults faults;
  };
  // Configurations in `out` are rewritten. Gives up if a member could reach the coordinator past
  // the proxy.
  explicit Surroundings(Options options);

  // `cloister`, whose demo starts members where they belong.
  [[nodiscard]] const std::filesystem::path& program() const { return program_; }
  // Now and then, while the demo runs: gives up if a member is not where it belongs.
  void look();
  // How it went, for people. Gives up if a member was never seen where it belongs.
  [[nodiscard]] std::string in_words() const;

 private:
  void part_members(std::uint16_t coordinator);
  void lay_out_programs(const std::filesystem::path& folder);

  std::filesystem::path out_;
  std::vector<std::filesystem::path> configs_;  // one a member
  std::vector<SiteNetwork> networks_;           // one a member, or none at all
  std::optional<FaultProxy> proxy_;
  std::filesystem::path program_;
  std::vector<std::set<pid_t>> seen_;  // lives of each member inside
  std::set<pid_t> outside_;            // at the last look
};

}  // namespace cloister::system_test
