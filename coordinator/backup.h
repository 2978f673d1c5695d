// Copies of the ledger's database, and putting one back, such that the log cannot be forked without
// anybody noticing: a copy is taken only of a whole tree, and put back only if it extends every
// head that is known to have been signed.
//
// Heads that are known: the checkpoint beside the database that is gone (if its file is still
// there), the copy's own, and those that the operator got from sites (`cloister site status` has
// them). A site that saw more than what was put back stops at first contact and keeps the evidence,
// whatever the operator chose here.
//
// Not copied: blobs (members send them again) and key wraps (a copy would outlive their erasure).
#pragma once

#include <filesystem>
#include <vector>

#include "base/result.h"
#include "provenance/merkle.h"

namespace cloister::coordinator {

struct Backup {
  provenance::TreeHead head;  // of the copy's newest signed checkpoint
  std::uint64_t entries = 0;
};

// `home` may belong to a running coordinator: the copy is of one moment. `folder` must be new or
// empty ("backup.exists"). "backup.broken": what was copied is no whole ledger.
[[nodiscard]] Result<Backup> back_up(const std::filesystem::path& home,
                                     const std::filesystem::path& folder);

struct RestoreOptions {
  std::filesystem::path backup;
  std::string log;                           // origin of the log, as genesis.json names it
  std::vector<std::filesystem::path> heads;  // checkpoints that sites saw
  bool accept_loss = false;                  // although more was signed than the copy holds
};
// Errors "restore.exists" (there is a ledger), "restore.no_head" (nothing says what was signed),
// "ledger.rollback" (more was signed than the copy holds), "ledger.fork" (another tree was signed:
// never accepted).
[[nodiscard]] Result<Backup> restore(const std::filesystem::path& home,
                                     const RestoreOptions& options);

}  // namespace cloister::coordinator
