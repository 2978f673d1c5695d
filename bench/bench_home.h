// A consortium's home on disk, and the real coordinator over it as a process: for benchmarks of
// what only the real program shows.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "crypto/entropy.h"
#include "crypto/identity.h"
#include "protocol/plan.h"
#include "protocol/roles.h"
#include "provenance/record.h"
#include "provenance/sequencer.h"
#include "tests/support/signing_person.h"

namespace cloister::bench {

// Prints and ends the program.
[[noreturn]] void give_up(const Error& error);
template <class T>
T must(Result<T> result) {
  if (!result) give_up(result.error());
  return std::move(*result);
}
inline void must(const Result<void>& result) {
  if (!result) give_up(result.error());
}

class BenchHome {
 public:
  // The folder gets keys, genesis and configuration. "root", "coordinator", "trainer", "owner"
  // and for each site "agent-00000" of "site-00000", all bound in the genesis. The same seed gives
  // the same keys.
  BenchHome(std::filesystem::path folder, std::size_t sites, std::uint16_t port);

  [[nodiscard]] Bytes sign(const std::string& member, provenance::Record record);
  // The next record that this member signs follows that one.
  void follow(const std::string& member, std::uint64_t last_seq, const Digest& last);
  [[nodiscard]] Bytes opening(const protocol::StudyPlan& plan);
  // A plan of these sites that is good enough to be admitted.
  [[nodiscard]] protocol::StudyPlan plan(const std::string& study, std::size_t first,
                                         std::size_t count) const;
  [[nodiscard]] const crypto::Identity& identity(const std::string& member) const {
    return people_.at(member).identity;
  }
  [[nodiscard]] const std::vector<Bytes>& genesis() const { return genesis_; }
  [[nodiscard]] provenance::LedgerRules rules() const;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] crypto::Entropy& entropy() { return entropy_; }

  [[nodiscard]] static std::string site(std::size_t i);
  [[nodiscard]] static std::string agent(std::size_t i);

 private:
  void add(const std::string& name, protocol::Role role, const std::string& org);
  void write();

  std::filesystem::path folder_;
  std::uint16_t port_;
  crypto::SeededEntropy entropy_{7};
  std::map<std::string, test::SigningPerson> people_;
  std::vector<Bytes> genesis_;
};

// cloister-coordinator beside this program. Killed when destroyed.
class CoordinatorProcess {
 public:
  explicit CoordinatorProcess(const BenchHome& home);
  ~CoordinatorProcess() { end(9); }
  CoordinatorProcess(const CoordinatorProcess&) = delete;
  CoordinatorProcess& operator=(const CoordinatorProcess&) = delete;

  // From the start of the process until it says that it serves.
  double seconds_until_serving();
  void end(int signal);
  [[nodiscard]] double processor_seconds() const;  // so far
  [[nodiscard]] double resident_mb() const;
  [[nodiscard]] double resident_peak_mb() const;
  [[nodiscard]] std::string log() const;

 private:
  std::filesystem::path log_;
  pid_t pid_ = -1;
  double began_ = 0;
};

}  // namespace cloister::bench
