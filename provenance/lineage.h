// The questions that people ask of the ledger. Nodes are digests: artefacts (SHA-256 of the thing)
// and records (leaf hash). Data flows along three edges: artefact -used-> record -generated->
// artefact, and batch -contains-> prediction. Closures follow those only; approvals, policies,
// gate reports and transfers are attached to the answer as its context.
//
// Every answer names the head it holds at and a closure digest: SHA-256 over the closure's nodes as
// lower-case hexadecimal, sorted, each followed by LF. `sort | sha256sum` gives the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "provenance/ledger.h"
#include "provenance/ledger_reader.h"
#include "provenance/prediction_batch.h"

namespace cloister::provenance {

enum class Edge : std::uint8_t {
  used = 1,         // artefact -> record that used it (PROV used)
  generated = 2,    // record -> artefact (wasGeneratedBy)
  about = 3,        // artefact -> record that speaks of it
  approved = 4,     // approval -> record that cites it (wasInformedBy)
  governed = 5,     // policy -> record made under it (wasAssociatedWith, plan)
  invalidated = 6,  // artefact -> withdrawal or quarantine (wasInvalidatedBy)
  contains = 7,     // prediction batch -> prediction (hadMember)
};
[[nodiscard]] std::string_view to_string(Edge edge);

struct GraphEdge {
  Digest from;
  Digest to;
  Edge edge = Edge::used;
  std::uint64_t index = 0;  // of the record that made the edge
  friend auto operator<=>(const GraphEdge&, const GraphEdge&) = default;
};

struct GraphNode {
  Digest digest;
  std::optional<std::uint64_t> record;  // index, if it is a record; otherwise an artefact
  std::string name;                     // artefacts: the name its producer gave it
  bool quarantined = false;
  friend bool operator==(const GraphNode&, const GraphNode&) = default;
};

struct LineageLimits {
  std::size_t nodes_max = 1'000'000;
};

struct Answer {
  std::string question;  // "trace", "impact", "history", "policy", "who", "egress", "withdrawals"
  std::string argument;  // "history", "withdrawals": the study; "egress": the site
  std::vector<Digest> asked;          // where the walk began
  TreeHead head;                      // what the answer holds at
  std::vector<GraphNode> nodes;       // the closure, sorted by digest
  std::vector<GraphEdge> edges;       // data edges inside the closure, sorted
  std::vector<GraphEdge> context;     // other edges that touch the closure, sorted
  std::vector<StoredRecord> records;  // of the closure and its context, in ledger order
  Digest closure_digest;
  std::optional<PredictionProof> prediction;  // explain() only
};

[[nodiscard]] Digest closure_digest(std::vector<Digest> nodes);

// Where this came from, to the raw-data commitments. "lineage.unknown" if the ledger never saw it.
[[nodiscard]] Result<Answer> trace_back(const LedgerReader& reader, const Digest& digest,
                                        const LineageLimits& limits = {});
// Everything made from these.
[[nodiscard]] Result<Answer> trace_forward(const LedgerReader& reader,
                                           const std::vector<Digest>& digests,
                                           const LineageLimits& limits = {});
// trace_back of one prediction, with the inner proof that ties it to its batch.
[[nodiscard]] Result<Answer> explain(const LedgerReader& reader, const Digest& prediction);
// All records of a study, in order.
[[nodiscard]] Result<Answer> history(const LedgerReader& reader, const StudyId& study);
// Every record under a policy.
[[nodiscard]] Result<Answer> under_policy(const LedgerReader& reader, const Digest& policy);

// Who stands behind a record: signer, its key and who bound it, on whose behalf, who approved.
struct Responsible {
  StoredRecord record;
  KeyState key;
  std::optional<StoredRecord> binding;  // key.bound; none for a root
  std::vector<StoredRecord> approvals;
};
[[nodiscard]] Result<Responsible> who(const LedgerReader& reader, const Digest& leaf_hash);
// The records that this names, as an answer that a bundle carries and a replay gives again.
[[nodiscard]] Result<Answer> who_answer(const LedgerReader& reader, const Digest& leaf_hash);

// What left a site: its transfer.sent records and its requests for predictions (dataset.encoded of
// purpose "prediction"), the receipts that match (of a request: the trainer's prediction), the
// permits they cite. "lineage.unknown": the ledger knows no organisation of that name.
struct Departure {
  StoredRecord sent;
  std::optional<StoredRecord> received;
  std::vector<StoredRecord> permits;
  std::uint64_t bytes = 0;  // details.bytes, or the sum over the manifest's shards
};
[[nodiscard]] Result<std::vector<Departure>> egress(const LedgerReader& reader,
                                                    std::string_view org);
[[nodiscard]] Result<Answer> egress_answer(const LedgerReader& reader, const std::string& org);

}  // namespace cloister::provenance
