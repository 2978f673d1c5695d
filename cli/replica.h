// The whole ledger, fetched and admitted again here under the same rules: what every answer of
// `cloister audit` stands on. Nothing of it is believed because the coordinator says so: each
// record must be signed by a key that the root key vouches for, and the root of the tree must be
// the one that the coordinator signed, and hold what commands in this home saw before
// (seen_head.h).
#pragma once

#include <functional>
#include <vector>

#include "base/result.h"
#include "cli/line.h"
#include "provenance/ledger.h"
#include "provenance/ledger_reader.h"
#include "provenance/note.h"
#include "provenance/sequencer.h"
#include "provenance/tlog_policy.h"

namespace cloister::cli {

struct Replica {
  provenance::MemoryLedger ledger;
  provenance::LedgerRules rules;
  provenance::Note checkpoint;  // as the coordinator signed it, with its cosignatures
  provenance::TreeHead head;
  // The log and the sites as its witnesses. Asks for a quorum of them where the checkpoint has one;
  // else for none, and says so in every verdict.
  provenance::TlogPolicy policy;
};

// Reads records in portions (limits::records_max); memory grows with the ledger. "audit.unreadable"
// if some records are not for this member to read: only auditors and administrators may replay.
// `witness_wait`: how long to wait for the sites' cosignatures under the newest checkpoint; they
// come with the agents' next polls (limits::poll_wait_max).
[[nodiscard]] Result<Replica> fetch_ledger(Seat& seat, Duration witness_wait = Duration{0});

// Visits the entries in order; some may have no envelope (not for this member to read). Nothing is
// checked: for questions whose answer the ledger checks again.
[[nodiscard]] Result<void> each_record(
    Line& line, const std::function<void(const protocol::LedgerEntry&)>& visit);

// What an entry holds, by itself: `erased` is for whoever saw the records that follow to fill in.
// "audit.unreadable" if it is not for this member to read.
[[nodiscard]] Result<provenance::StoredRecord> stored_in(const protocol::LedgerEntry& entry);

// The rules under which this consortium's log is kept, from our own membership file.
[[nodiscard]] Result<provenance::LedgerRules> ledger_rules(const MembershipFile& membership);
[[nodiscard]] provenance::NoteKey log_key(const MembershipFile& membership);

}  // namespace cloister::cli
