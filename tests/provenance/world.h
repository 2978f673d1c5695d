// A small consortium for tests: members with keys from seeds, a ledger in memory, and short words
// for the records of a study. Everything is deterministic.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/ensure.h"
#include "crypto/entropy.h"
#include "crypto/hash.h"
#include "crypto/start.h"
#include "provenance/ledger.h"
#include "provenance/prediction_batch.h"
#include "provenance/sequencer.h"

namespace cloister::provenance::test {

inline Digest digest_of(std::string_view text) { return crypto::sha256(as_bytes(text)); }

inline crypto::SecretKey key_from(std::uint64_t seed) {
  static const bool started = crypto::start().has_value();
  ensure(started, "libsodium starts");
  crypto::SeededEntropy entropy(seed);
  return crypto::SecretKey::generate(entropy);
}

struct TestMember {
  Actor actor;
  crypto::SecretKey key;
};

class World {
 public:
  // Root, coordinator, trainer, study owner, and two sites (a, b) with agent, admin and steward,
  // all bound.
  World();

  // A record of this member, with a fresh id and time; place in the sequence is filled by `sign`.
  [[nodiscard]] Record draft(const std::string& member, RecordKind kind) const;
  // Fills in place, id and time, and signs.
  [[nodiscard]] Submission sign(Record record);
  // Signs and admits, and fails the test if it is refused.
  Admitted add(Record record, std::vector<Bytes> entries = {});
  // Signs and tries; hands back the code of the refusal, or "" if it was admitted.
  std::string try_add(Record record, std::vector<Bytes> entries = {});
  // Signs and admits several in one group, each after the other.
  Batch add_group(std::vector<Record> records, bool all_or_nothing);
  Batch submit(const std::vector<Submission>& group, bool all_or_nothing = false);

  // A whole small study of site a and b: data, encoders, datasets, gate, permits, transfers,
  // training, model, predictions. Names of digests are in `things`.
  void run_study();
  void run_site(const std::string& site);

  // The record by which a site takes `what` back, and the quarantines that follow from it. Not
  // signed.
  struct Withdrawal {
    Record record;
    std::vector<Record> quarantines;
  };
  [[nodiscard]] Withdrawal withdrawal(const std::string& site, const Digest& what) const;

  [[nodiscard]] Note checkpoint() const;  // signed and cosigned by both sites
  [[nodiscard]] NoteKey log_key() const;
  [[nodiscard]] std::vector<PolicyWitness> witnesses() const;

  std::map<std::string, TestMember> members;
  std::map<std::string, Digest> things;     // "a.dataset", "model", ...
  std::map<std::string, Admitted> records;  // "a.release", ...
  std::vector<Prediction> predictions;
  MemoryLedger ledger;
  LedgerRules rules;
  crypto::SecretKey log = key_from(900);
  Instant now = Instant(1'795'419'565'000);

 private:
  void bind(const std::string& name, Role role, const std::string& org);
  std::uint64_t count_ = 0;
};

}  // namespace cloister::provenance::test
