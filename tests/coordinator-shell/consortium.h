// The keys and homes of a small consortium, on disk as `cloister consortium init` writes them.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "provenance/sequencer.h"
#include "tests/support/signing_person.h"

namespace cloister::coordinator::testing {

class Consortium {
 public:
  explicit Consortium(const std::filesystem::path& folder);

  // A binding by the root.
  [[nodiscard]] Bytes bound(const std::string& member, protocol::Role role, const std::string& org);
  [[nodiscard]] Bytes sign(const std::string& member, provenance::Record record);
  [[nodiscard]] std::vector<Bytes> genesis();
  [[nodiscard]] provenance::LedgerRules rules() const;
  // coordinator.toml, identity.key, passphrase, genesis.json.
  void write_home(std::uint16_t members_port, std::uint16_t enrolment_port);
  void write_config(std::uint16_t members_port, std::uint16_t enrolment_port);

  std::filesystem::path home;
  crypto::SeededEntropy entropy{7};
  std::map<std::string, test::SigningPerson> people;
  std::string log = "cloister/test";
};

[[nodiscard]] std::filesystem::path fresh_folder(const std::string& name);

}  // namespace cloister::coordinator::testing
