// Keys of everybody in a simulated consortium, and their signatures.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "crypto/entropy.h"
#include "crypto/identity.h"
#include "protocol/roles.h"
#include "provenance/ledger.h"
#include "provenance/record.h"
#include "provenance/sequencer.h"

namespace cloister::simulation {

struct Person {
  crypto::Identity identity;
  protocol::Role role;
  std::string org;
};

class Members {
 public:
  Members(std::uint64_t seed, const std::vector<std::string>& sites);

  [[nodiscard]] const Person& at(const std::string& name) const { return people_.at(name); }
  [[nodiscard]] const std::vector<Bytes>& genesis() const { return genesis_; }
  [[nodiscard]] provenance::LedgerRules rules() const;
  [[nodiscard]] std::string root_key_id() const;
  [[nodiscard]] Bytes sign(const std::string& name, provenance::Record record, Instant now,
                           const provenance::SignerPlace& place);
  [[nodiscard]] crypto::Entropy& entropy() { return entropy_; }

 private:
  void add(const std::string& name, protocol::Role role, const std::string& org);

  crypto::SeededEntropy entropy_;
  std::map<std::string, Person> people_;
  std::vector<std::string> order_;
  std::vector<Bytes> genesis_;
};

}  // namespace cloister::simulation
