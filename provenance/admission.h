// Judging one submission. Private to this room; the rules are listed in sequencer.h.
#pragma once

#include <string>
#include <vector>

#include "provenance/leaf.h"
#include "provenance/prediction_batch.h"
#include "provenance/sequencer.h"

namespace cloister::provenance {

// A submission that was understood and whose signature is right.
struct Judged {
  Envelope envelope;
  Record record;
  Leaf leaf;
  Bytes leaf_bytes;
  Digest leaf_hash;
  KeyState key;
  std::vector<Prediction> predictions;  // of a batch
  bool is_remains = false;              // what an erasure left, in a log that is gone through again
  std::optional<Put> erases;            // what takes the place of the record whose words it erases
  std::optional<std::uint64_t> was_at;  // it is in the ledger already
};

// Refusals of the rules have codes of their own: "sequencer.<rule>".
[[nodiscard]] inline bool is_refusal(const Error& error) {
  return error.code.starts_with("sequencer.");
}

// What the rules may look at.
struct AdmissionView {
  const LedgerReader& ledger;  // with everything staged before
  const LedgerRules& rules;
  std::uint64_t next_index = 0;
  Instant now;
};

// What can be said of an envelope from its bytes and one key, and nothing else.
struct Opened {
  crypto::PublicKey key{};
  bool is_signed = false;  // under the key; if not, nothing else was looked at
  Leaf leaf;
  Bytes leaf_bytes;
  Digest leaf_hash;
  Result<Record> record;
};
[[nodiscard]] Opened open_with(const Envelope& envelope, const crypto::PublicKey& key);

// A submission that was opened before its turn, with the key that the ledger held for its hint
// then.
struct OpenedAhead {
  Result<Envelope> envelope;
  std::optional<Opened> opened;  // nothing: no key was known, or it has no form
};

// Errors whose code does not begin with "sequencer." come from the store.
[[nodiscard]] Result<Judged> judge(const AdmissionView& view, const Submission& submission);

// The parts, one file each.
[[nodiscard]] Result<OpenedAhead> open_ahead(const AdmissionView& view,
                                             const Submission& submission);
[[nodiscard]] Result<Judged> open_submission(const AdmissionView& view,
                                             const Submission& submission);
[[nodiscard]] Result<void> check_references(const AdmissionView& view, const Record& record);
[[nodiscard]] Result<void> check_approvals(const AdmissionView& view, const Record& record);
[[nodiscard]] Result<void> check_permit(const AdmissionView& view, const Record& record);
[[nodiscard]] Result<void> check_gate(const AdmissionView& view, const Record& record);
[[nodiscard]] Result<void> check_model_release(const AdmissionView& view, const Record& record);
[[nodiscard]] Result<void> check_key_record(const AdmissionView& view, const Record& record);
[[nodiscard]] Result<void> check_withdrawal(const AdmissionView& view, const Record& record);
[[nodiscard]] Result<std::optional<Put>> check_erasure(const AdmissionView& view,
                                                       const Record& record);
[[nodiscard]] Result<std::vector<Prediction>> check_batch(const Record& record,
                                                          const std::vector<Bytes>& entries);

// The state of a key, the consortium's roots included.
[[nodiscard]] Result<std::optional<KeyState>> known_key(const LedgerReader& ledger,
                                                        const LedgerRules& rules,
                                                        const Digest& key_id);

// Stages everything that an admitted record changes, but for tiles and head.
void stage_record(StagedLedger& ledger, const Judged& judged, std::uint64_t index);

}  // namespace cloister::provenance
