// What a person's commands saw of the ledger before: the newest head that they replayed, kept in
// the home folder. A coordinator that shows an auditor a shorter ledger than yesterday's, or one
// with other records in it, is found out at the next command, without anybody else's help.
#pragma once

#include <filesystem>
#include <optional>

#include "cli/replica.h"

namespace cloister::cli {

struct SeenHead {
  provenance::Note note;
  provenance::TreeHead head;
};

// Read it before the ledger is fetched: another command may see a newer one meanwhile.
// Nothing: none was seen yet. "audit.seen_head" if the file holds no head of this log.
[[nodiscard]] Result<std::optional<SeenHead>> read_seen_head(const std::filesystem::path& home,
                                                             const provenance::NoteKey& log);

// The replayed ledger must hold what was seen: else "audit.rollback" or "audit.fork", and both
// heads lie in `evidence/` of the home. Otherwise the replica's head is kept, unless another
// command has kept a larger one meanwhile.
[[nodiscard]] Result<void> check_seen_head(const std::filesystem::path& home,
                                           const provenance::NoteKey& log,
                                           const std::optional<SeenHead>& seen,
                                           const Replica& replica);

}  // namespace cloister::cli
