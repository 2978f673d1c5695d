// The one place where records get their order. Pure: it reads through a LedgerReader, judges a
// group of submissions, and hands back ONE batch of puts for the shell to write.
//
// The shell's duty, in this order: prepare() -> one synced write of all puts -> sign the checkpoint
// of `head` -> a durable copy of it outside the database -> answer. Never
// sign or answer before the write is durable. There is exactly one sequencer a ledger.
//
// Admission fails closed. A submission is refused, with a code and a sentence, and changes nothing
// if
//   sequencer.too_large        it exceeds a size limit
//   sequencer.format           it is no well-formed record (see parse_envelope, parse_statement)
//   sequencer.unknown_key      its signer's key is not bound, or the signature is not that key's
//   sequencer.revoked_key      the key is revoked at the index being assigned
//   sequencer.wrong_actor      actor, role or organisation differ from what the key is bound to
//   sequencer.wrong_role       the role may not write this kind
//   sequencer.out_of_order     sequence number or previous hash do not follow the signer's last
//   sequencer.unknown_input    an input, subject, policy, study, job or approval is not in the
//   ledger sequencer.quarantined      an input or subject is quarantined sequencer.approval
//   approvals are missing, not by distinct people, for something else, or
//                              under another policy
//   sequencer.permit           a transfer that no release or standing permit by a person of its
//   site
//                              covers (things, purpose, recipient)
//   sequencer.gate             a release of something without a gate report, or against a failed
//   one
//                              without a cited exception that names every failed indicator
//   sequencer.membership       a release of a network whose membership test is missing at a site
//   that
//                              it learned from, or did not pass there (model_release.h)
//   sequencer.binding          a key record binds what its signer may not, or lacks possession
//   sequencer.withdrawal       a withdrawal without the quarantine of everything made from its
//                              subjects in the same group, or of what is not its organisation's
//   sequencer.erasure          an erasure of words by others than a steward or administrator of the
//                              record's organisation, of a record that has none or must stay whole,
//                              or with other hashes than the record gives
//   sequencer.batch            the entries of a prediction batch do not give its root
//   sequencer.time             issued too far in the future
// A submission that is already in the ledger is answered with its index: repeating is harmless.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "provenance/kinds.h"
#include "provenance/ledger.h"
#include "provenance/ledger_reader.h"
#include "provenance/record.h"

namespace cloister::provenance {

// A key that needs no record to be trusted: the consortium's roots, held by people.
struct RootKey {
  MemberId member;
  std::string org;
  crypto::PublicKey key{};
  friend bool operator==(const RootKey&, const RootKey&) = default;
};

struct LedgerRules {
  std::string log_origin;  // name of the log in its checkpoints
  std::vector<RootKey> roots;
  std::map<RecordKind, unsigned> approvals_min;  // overrides the table in kinds.h
  bool gate_required = true;                     // for releases
  Duration future_max = std::chrono::minutes(10);
  friend bool operator==(const LedgerRules&, const LedgerRules&) = default;
};

struct OpenedAhead;  // of this room

struct Submission {
  std::string envelope;        // JSON
  std::vector<Bytes> entries;  // of a prediction batch; empty otherwise
  // Only where a log is gone through again, never for what somebody hands in: the leaf of a record
  // whose words were erased since; `envelope` is what is left of it.
  Bytes leaf = {};
  std::shared_ptr<const OpenedAhead> ahead = {};  // of this envelope: see Sequencer::open_ahead
};

struct Admitted {
  std::uint64_t index = 0;
  Digest leaf_hash;
  RecordKind kind = RecordKind::access_logged;
  bool was_there = false;
  friend bool operator==(const Admitted&, const Admitted&) = default;
};

// Runs task(0) ... task(count - 1), in any order, some perhaps at the same time as others, and
// returns when all are done. Tasks share nothing.
using Spread = std::function<void(std::size_t count, const std::function<void(std::size_t)>& task)>;

struct GroupOptions {
  Instant now;                  // the sequencer's clock; zero when an exported log is replayed
  bool all_or_nothing = false;  // one refusal refuses the whole group (withdrawals need it)
  // Of the batch before: saves hashing it anew from the tiles. One whose head is not the ledger's
  // is not used.
  CompactRange range = {};
};

struct Batch {
  std::vector<Result<Admitted>> outcomes;  // one a submission, in order
  std::vector<Record> records;             // of those that are new, in order
  std::vector<Put> puts;                   // empty if nothing new was admitted
  TreeHead head;                           // after the puts
  CompactRange range;                      // of that head; empty if nothing new was admitted
};

class Sequencer {
 public:
  // The reader must outlive this and show every batch that was made durable.
  Sequencer(const LedgerReader& reader, LedgerRules rules)
      : reader_(reader), rules_(std::move(rules)) {}

  // Opens envelopes before their turn, whatever order they will have: signature and statement are a
  // pure function of the bytes and the key that the ledger holds for their hint. If it is another
  // one when their turn comes, or could not be read now, they are opened again; what is admitted
  // and refused is the same. The tasks read the ledger, perhaps from several threads at once.
  void open_ahead(std::span<Submission> group, const Spread& spread) const;
  // An error means that the store could not be read or is damaged, not that a submission is bad.
  [[nodiscard]] Result<Batch> prepare(std::span<const Submission> group,
                                      const GroupOptions& options) const;
  [[nodiscard]] const LedgerRules& rules() const { return rules_; }

 private:
  const LedgerReader& reader_;
  LedgerRules rules_;
};

// The record in an envelope that was opened ahead, whoever's it is; null if it was not, or holds
// none.
[[nodiscard]] const Record* record_opened_ahead(const Submission& submission);

// Everything made from these artefacts, themselves included, sorted, in portions small enough for
// one quarantine.set record each. The coordinator signs those and submits them together with the
// withdrawal, all_or_nothing, before admitting anything else.
[[nodiscard]] Result<std::vector<std::vector<Subject>>> plan_quarantine(
    const LedgerReader& reader, std::span<const Digest> withdrawn);

}  // namespace cloister::provenance
