// What left, what would leave, and whether it may: the site's own books, kept at the site.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "base/result.h"
#include "member/membership.h"
#include "member/study.h"
#include "site-agent/core/policy.h"

namespace cloister::site_agent {

struct ShardEntry {
  std::uint64_t number = 0;
  std::string purpose;  // training, tuning, evaluation, prediction, mask-decoder
  Digest sealed;        // SHA-256 of the sealed bytes
  std::uint64_t sealed_bytes = 0;
  std::uint64_t slices = 0;
  std::uint64_t views = 0;
  Bytes wrap;  // its key, sealed to the trainer; not part of the manifest
  friend bool operator==(const ShardEntry&, const ShardEntry&) = default;
};

// The purpose of the one entry of a guided study's manifest that is no patient's codes.
inline constexpr std::string_view decoder_purpose = "mask-decoder";

// One indicator of the gate's report. Anything that is not "pass" needs a person's permit.
struct Verdict {
  std::string indicator;
  double value = 0;
  std::string verdict;  // "pass", "warn", "fail"
  friend bool operator==(const Verdict&, const Verdict&) = default;
};

// An encoded dataset that is ready at the site.
struct Manifest {
  std::string json;  // canonical
  Digest digest;
  std::vector<ShardEntry> shards;
  [[nodiscard]] std::uint64_t bytes() const;
  friend bool operator==(const Manifest&, const Manifest&) = default;
};
struct GateReport {
  Digest digest;
  std::vector<Verdict> verdicts;
  friend bool operator==(const GateReport&, const GateReport&) = default;
};

// What a steward knowingly lets pass.
struct Exception {
  std::string indicator;
  double value = 0;  // that was seen: another value needs another signature
  friend bool operator==(const Exception&, const Exception&) = default;
};
// A steward's signature that lets something out.
struct Permit {
  std::string type;  // "release", "exception", "standing"
  Digest leaf;       // in the ledger
  Digest digest;     // of the permit itself
  Digest manifest;
  std::vector<Exception> exceptions;
  MemberId recipient;         // of a release or a standing permit
  std::string recipient_key;  // X25519, hex
  std::vector<std::string> purposes;
  std::string signer;
  std::string reason;
  friend bool operator==(const Permit&, const Permit&) = default;
};
// From a permit.granted record; refused unless a site-steward of `site` signed it.
[[nodiscard]] Result<Permit> permit_from(const member::SignedRecord& signed_record,
                                         const std::string& site);

struct Left {
  std::uint64_t bytes = 0;
  std::uint64_t cases = 0;
  std::uint64_t prediction_cases = 0;
  friend bool operator==(const Left&, const Left&) = default;
};

// Everything a release depends on.
struct ReleaseQuestion {
  const SitePolicy& policy;
  const member::Study& study;
  const Manifest& manifest;
  const GateReport& gate;
  const std::vector<Permit>& permits;
  Left left;  // so far, for this study
};
// The release permit that covers it, or what is missing and whose move it is: "release.no_permit",
// "release.exception", "release.recipient", "release.quota", "release.indicator".
[[nodiscard]] Result<Permit> may_release(const ReleaseQuestion& question);

// Exactly what would leave, for `preview`, as JSON.
[[nodiscard]] std::string preview_json(const ReleaseQuestion& question);

}  // namespace cloister::site_agent
