// The core's fold kept beside the ledger, so that a start replays only what came after it.
//
// The ledger stays the state; what is kept here may be thrown away at any time, and is, with a line
// in the log that says why, when it
//   was written by another build (fold_build), whose rules may differ
//   stands for more records than the ledger has, or for a tree whose root is another
//   is damaged: a part's bytes are not those that the head lists, or one is missing or too many
// and is erased where words of records are (Ledger::commit): it may hold them. Then everything is
// replayed. Parts and head change in one synced write, and only right after a
// commit, when what was folded is what is durable: so a kill leaves the old or the new.
//
//   'X' "fold"                 canonical JSON {build, root, size, parts: {name: SHA-256}}, then the
//                              SHA-256 of that text in hexadecimal
//   'X' "fold/" name           a part's bytes
#pragma once

#include <map>
#include <optional>

#include "coordinator/core/fold.h"
#include "coordinator/ledger.h"
#include "storage/store.h"

namespace cloister::coordinator {

// Records after which a running coordinator keeps its fold. Replaying that many takes half a
// second; writing takes milliseconds for each study that changed (docs/benchmarks.md).
inline constexpr std::uint64_t keep_fold_every = 10'000;

class FoldStore {
 public:
  // The store must outlive this.
  explicit FoldStore(storage::Store& store) : store_(store) {}

  struct Kept {
    Fold fold;
    std::uint64_t size = 0;
  };
  // Nothing: there is none, or none that is good for this ledger. Call first.
  [[nodiscard]] Result<std::optional<Kept>> load(const Ledger& ledger);
  // `changed`: every part that is not as it was at the last keep() or load().
  [[nodiscard]] Result<void> keep(const Ledger& ledger, std::vector<FoldPart> changed);
  // What the kept fold stands for; 0: none.
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  [[nodiscard]] Result<std::optional<Kept>> read(const Ledger& ledger, std::string& why);

  storage::Store& store_;
  std::map<std::string, Digest> parts_;
  std::uint64_t size_ = 0;
};

}  // namespace cloister::coordinator
