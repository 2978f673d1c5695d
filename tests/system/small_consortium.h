// A consortium of real processes on loopback, driven through the command line as people do: for
// tests of governance that need no training.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/child.h"
#include "provenance/json.h"

namespace cloister::system_test {

// What a command printed with --json, and how it ended.
struct Said {
  int status = 0;
  provenance::Json json;  // of standard output
  std::string code;       // of the error, where it failed
  std::string text;       // everything, for messages
};

class SmallConsortium {
 public:
  explicit SmallConsortium(std::filesystem::path folder);

  // Runs `cloister ...`; people's homes take the passphrase by themselves.
  Said say(std::vector<std::string> words);
  // The same as this person ("root" too).
  Said as(const std::string& person, std::vector<std::string> words);
  // The same, to the agent of this site.
  Said at(const std::string& site, const std::string& person, std::vector<std::string> words);

  // Invited, joined, approved by the root; `site` for people of a site.
  void add_person(const std::string& name, const std::string& role, const std::string& site = {});
  void add_agent(const std::string& site, const std::string& policy);
  // The trainer that `init` made, with these lines more in its trainer.toml, until it has heard the
  // coordinator.
  void start_trainer(const std::string& more = {});
  // Until the agent has heard the coordinator.
  void wait_for_agent(const std::string& site);
  // Until `done` holds; false if it never does.
  bool eventually(const std::function<bool()>& done);

  cli::Child& process(const std::string& name) { return processes_.at(name); }
  [[nodiscard]] std::filesystem::path home(const std::string& person) const {
    return person == "root" ? folder_ / "heart" / "root" : folder_ / "people" / person;
  }
  [[nodiscard]] std::filesystem::path agent(const std::string& site) const {
    return folder_ / "sites" / site;
  }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] std::filesystem::path trainer() const { return folder_ / "heart" / "trainer"; }
  // A token for this member, from the root.
  std::string token(std::vector<std::string> words);

 private:
  void start(const std::string& name, const std::string& program, const std::string& config);
  void approve(const std::string& member, const std::string& fingerprint);

  std::filesystem::path folder_;
  std::map<std::string, cli::Child> processes_;
};

// A site's policy: every study, and these kinds of job (quoted, with commas) by themselves.
[[nodiscard]] std::string policy_for(const std::filesystem::path& data,
                                     const std::string& automatic = {});
// The plan of a study "heart-1" with "site-a" alone, owned by olivia, for the certified trainer.
[[nodiscard]] std::string plan_of(SmallConsortium& all, const std::string& purpose = "research");
// The trainer's sealing key, hex, as a plan names it.
[[nodiscard]] std::string trainer_seal_of(SmallConsortium& all);
// Drawn hearts of five patients for training and two held out, as one hospital's scanner sees them.
void make_phantom(const std::filesystem::path& folder, std::uint64_t scanner);

}  // namespace cloister::system_test
