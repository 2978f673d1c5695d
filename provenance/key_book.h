// Whose keys sign records, learnt from records alone. For bundles that do not hold the whole log.
// Private to this room.
#pragma once

#include <map>

#include "provenance/leaf.h"
#include "provenance/sequencer.h"

namespace cloister::provenance {

class KeyBook {
 public:
  KeyBook(const std::vector<RootKey>& roots, std::string log_origin);

  // Records must come in the order of the log. Checks that the leaf's key is bound to the record's
  // actor, not revoked before, and that the role may write the kind; learns from key records.
  [[nodiscard]] Result<void> take(std::uint64_t index, const Leaf& leaf, const Record& record);

 private:
  [[nodiscard]] Result<void> learn(std::uint64_t index, const Record& record);

  std::map<crypto::PublicKey, KeyState> keys_;
  std::string log_origin_;
};

}  // namespace cloister::provenance
