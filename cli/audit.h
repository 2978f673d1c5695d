// The questions of auditors, answered from a replay of the ledger.
#pragma once

#include <filesystem>
#include <string>

#include "cli/answer.h"
#include "cli/replica.h"
#include "provenance/lineage.h"
#include "provenance/verify_bundle.h"

namespace cloister::cli {

// What people point at: a file (its SHA-256 is meant), 64 hexadecimal digits, a record's number, or
// the first digits of a digest as answers print them (eight or more). "audit.what"; "audit.unclear"
// if several things begin so: whoever makes things can make two that look alike.
[[nodiscard]] Result<Digest> digest_of(const provenance::LedgerReader& ledger,
                                       const std::string& what);

[[nodiscard]] Result<Answer> audit_trace(const Replica& replica, const std::string& what);
[[nodiscard]] Result<Answer> audit_impact(const Replica& replica, const std::string& what);
[[nodiscard]] Result<Answer> audit_history(const Replica& replica, const std::string& study);
[[nodiscard]] Result<Answer> audit_who(const Replica& replica, const std::string& leaf);
// Every record made under a policy, by its digest.
[[nodiscard]] Result<Answer> audit_policy(const Replica& replica, const std::string& policy);
// What was taken back, what had been made from it, and what followed. Status 1 if anything escaped.
[[nodiscard]] Result<Answer> audit_withdrawals(const Replica& replica, const std::string& study);
[[nodiscard]] Result<Answer> audit_egress(const Replica& replica, const std::string& site);

// Everything there is, as a bundle in memory. `about`: the answer that the bundle explains.
[[nodiscard]] Result<provenance::BundleFiles> make_evidence(const Replica& replica,
                                                            const provenance::Answer* about);
[[nodiscard]] provenance::TrustAnchors anchors(const Replica& replica);
[[nodiscard]] Result<Answer> audit_verify(const Replica& replica);

struct ExportOptions {
  std::filesystem::path folder;  // must be new or empty
  std::string about;     // what the bundle explains, as its question takes it; empty: the whole log
  std::string question;  // the name of a question of `cloister audit`; empty: "trace"
  std::string form;      // of exports::form_names; empty: an evidence bundle
  std::string study;     // of a form
};
[[nodiscard]] Result<Answer> audit_export(const Replica& replica, const ExportOptions& options);
// The same, and export.issued signed into the ledger: what was exported is on record.
[[nodiscard]] Result<Answer> issue_export(Seat& seat, const Replica& replica,
                                          const ExportOptions& options);

}  // namespace cloister::cli
