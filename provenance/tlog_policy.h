// C2SP tlog-policy: the trust file of an auditor. Which logs count, and whose cosignatures make a
// checkpoint believable.
//
//   log <vkey> [<url>]
//   witness <name> <vkey> [<url>]
//   group <name> <k|any|all> <member>...
//   quorum <name|none>
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "provenance/note.h"

namespace cloister::provenance {

inline constexpr std::size_t policy_bytes_max = 256U << 10;
inline constexpr std::size_t policy_entries_max = 512;  // of each sort

struct PolicyWitness {
  std::string name;  // inside the file only
  NoteKey key;       // type 0x04
  friend bool operator==(const PolicyWitness&, const PolicyWitness&) = default;
};
struct PolicyGroup {
  std::string name;
  std::uint64_t threshold = 1;
  std::vector<std::string> members;
  friend bool operator==(const PolicyGroup&, const PolicyGroup&) = default;
};

struct TlogPolicy {
  std::vector<NoteKey> logs;
  std::vector<PolicyWitness> witnesses;
  std::vector<PolicyGroup> groups;  // each refers to names above it only
  std::string quorum = "none";
  friend bool operator==(const TlogPolicy&, const TlogPolicy&) = default;
};

// Errors "policy.format" with the number of the line.
[[nodiscard]] Result<TlogPolicy> parse_tlog_policy(std::string_view text);
[[nodiscard]] std::string to_text(const TlogPolicy& policy);
// One log, its witnesses, and a quorum in which any two quorums share an honest witness as long as
// fewer than a third of them are dishonest: floor(2n / 3) + 1 of n (none for n = 0).
[[nodiscard]] TlogPolicy default_policy(const NoteKey& log, std::vector<PolicyWitness> witnesses);

// Names of the witnesses whose cosignature on the note is valid. A known witness's bad signature is
// an error ("note.bad_signature").
[[nodiscard]] Result<std::set<std::string>> cosigners(const Note& note, const TlogPolicy& policy);
[[nodiscard]] bool has_quorum(const std::set<std::string>& cosigners, const TlogPolicy& policy);

// A listed log signed it, no known signature is bad, and the quorum is met. Errors
// "checkpoint.unknown_log", "note.bad_signature", "checkpoint.quorum".
[[nodiscard]] Result<Checkpoint> accept_checkpoint(const Note& note, const TlogPolicy& policy);

}  // namespace cloister::provenance
