// The questions of auditors, answered from a replay of the ledger.
#pragma once

#include <filesystem>
#include <string>

#include "cli/answer.h"
#include "cli/replica.h"
#include "provenance/lineage.h"
#include "provenance/verify_bundle.h"

namespace cloister::cli {

// A digest as 64 hexadecimal digits, or a file whose SHA-256 is meant.
[[nodiscard]] Result<Digest> digest_of(const std::string& file_or_digest);

[[nodiscard]] Result<Answer> audit_trace(const Replica& replica, const std::string& what);
[[nodiscard]] Result<Answer> audit_impact(const Replica& replica, const std::string& what);
[[nodiscard]] Result<Answer> audit_history(const Replica& replica, const std::string& study);
[[nodiscard]] Result<Answer> audit_who(const Replica& replica, const std::string& leaf);
[[nodiscard]] Result<Answer> audit_egress(const Replica& replica, const std::string& site);

// Everything there is, as a bundle in memory. `about`: the answer that the bundle explains.
[[nodiscard]] Result<provenance::BundleFiles> make_evidence(const Replica& replica,
                                                            const provenance::Answer* about);
[[nodiscard]] provenance::TrustAnchors anchors(const Replica& replica);
[[nodiscard]] Result<Answer> audit_verify(const Replica& replica);

struct ExportOptions {
  std::filesystem::path folder;  // must be new or empty
  std::string about;             // file or digest the bundle explains; empty: the whole log
};
[[nodiscard]] Result<Answer> audit_export(const Replica& replica, const ExportOptions& options);

}  // namespace cloister::cli
