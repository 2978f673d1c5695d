// C2SP tlog-proof files, and the bodies of the witness protocol's add-checkpoint call.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "provenance/merkle.h"
#include "provenance/note.h"
#include "provenance/tlog_policy.h"

namespace cloister::provenance {

// "c2sp.org/tlog-proof@v1" LF ["extra <base64>" LF] "index <n>" LF, hashes, empty line, checkpoint.
struct TlogProof {
  Bytes extra;  // unauthenticated; empty: no line
  std::uint64_t index = 0;
  std::vector<Digest> hashes;
  Note checkpoint;
  friend bool operator==(const TlogProof&, const TlogProof&) = default;
};
[[nodiscard]] std::string to_text(const TlogProof& proof);
[[nodiscard]] Result<TlogProof> parse_tlog_proof(std::string_view text);
// The leaf hash is in the tree whose head the policy accepts; hands back that head.
[[nodiscard]] Result<Checkpoint> verify_tlog_proof(const TlogProof& proof, const Digest& leaf,
                                                   const TlogPolicy& policy);

// "old <size>" LF, up to 63 hashes, empty line, checkpoint. Carried over ZeroMQ as it is.
struct AddCheckpoint {
  std::uint64_t old_size = 0;
  std::vector<Digest> proof;
  Note checkpoint;
  friend bool operator==(const AddCheckpoint&, const AddCheckpoint&) = default;
};
[[nodiscard]] std::string to_text(const AddCheckpoint& request);
[[nodiscard]] Result<AddCheckpoint> parse_add_checkpoint(std::string_view text);

}  // namespace cloister::provenance
