// What a job of the trainer reads: encoded datasets, each checked against what its site signed.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "member/link.h"
#include "protocol/work_messages.h"
#include "provenance/json.h"

namespace cloister::trainer {

struct Shard {
  std::uint64_t number = 0;
  std::string purpose;  // "training", ...; "mask-decoder" in a guided study
  Digest sealed;
  std::uint64_t sealed_bytes = 0;
  Bytes wrap;  // once fetched
  friend bool operator==(const Shard&, const Shard&) = default;
};

struct Dataset {
  std::string site;
  Digest manifest;
  std::uint64_t encoded_at = 0;            // ledger index of dataset.encoded
  std::optional<std::uint64_t> permit_at;  // of the release permit
  std::vector<Shard> shards;               // those that this job reads, in the manifest's order
  bool is_checked = false;
  friend bool operator==(const Dataset&, const Dataset&) = default;
};

// From the job's spec ("job.spec" if it cannot be read).
[[nodiscard]] Result<std::vector<Dataset>> datasets_of(const protocol::JobView& job);

// Places in the ledger of what the release of the network that this job uses stands on; none in a
// job that needs no release.
[[nodiscard]] std::vector<std::uint64_t> evidence_of(const protocol::JobView& job);

// What a site's agent signed: the record must be its dataset.encoded of this study, with a manifest
// of the digest that the job names, in which every shard of the job is listed
// ("dataset.not_signed").
[[nodiscard]] Result<void> check_encoded(const Dataset& dataset, const StudyId& study,
                                         const member::SignedRecord& encoded);
// A steward of that site let this manifest out, to us and our key ("dataset.not_permitted").
[[nodiscard]] Result<void> check_permit(const Dataset& dataset, const member::Member& self,
                                        const member::SignedRecord& permit);

}  // namespace cloister::trainer
