// Checking an evidence bundle, and saying in words what was proved and what was not.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "provenance/bundle.h"

namespace cloister::provenance {

// Where trust comes from. What the bundle itself says is used only where nothing is given here, and
// then the verdict says so: a bundle cannot vouch for itself.
struct TrustAnchors {
  std::optional<TlogPolicy> policy;
  std::vector<RootKey> roots;
};

enum class Finding { proved, not_proved, failed };

struct VerdictLine {
  Finding finding = Finding::failed;
  std::string code;  // "checkpoint", "inclusion", "signature", "replay", "closure", ...
  std::string text;  // a sentence for an auditor
  std::size_t count = 1;
  friend bool operator==(const VerdictLine&, const VerdictLine&) = default;
};

struct Verdict {
  std::vector<VerdictLine> lines;
  TreeHead head;
  std::string origin;
  std::size_t records_checked = 0;
  std::optional<Error> error;  // the first failure; nothing: everything that was there holds
  // Digest over what was verified (head, leaf hashes, payload hashes): two bundles that differ only
  // in neutral bytes have the same.
  Digest content;

  [[nodiscard]] bool holds() const { return !error.has_value(); }
};

// Never fails with an error of its own: a damaged bundle is a verdict.
[[nodiscard]] Verdict verify_bundle(const BundleFiles& files, const TrustAnchors& anchors);

[[nodiscard]] std::string to_text(const Verdict& verdict);
[[nodiscard]] std::string to_json(const Verdict& verdict);

// The leaves of an exported log of this size. "replay.no_log" if the bundle does not hold it.
[[nodiscard]] Result<std::vector<Bytes>> exported_leaves(const BundleFiles& files,
                                                         std::uint64_t size);

// Rebuilds a ledger from an exported log: admits every record again, in order, under the rules. The
// root must come out the same. The basis of every claim of completeness.
[[nodiscard]] Result<MemoryLedger> replay(const BundleFiles& files, const LedgerRules& rules,
                                          const TreeHead& expected);

}  // namespace cloister::provenance
