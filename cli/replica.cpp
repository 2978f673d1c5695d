#include "cli/replica.h"

#include <algorithm>

#include "cli/seen_head.h"
#include "crypto/hash.h"
#include "member/membership.h"
#include "protocol/limits.h"
#include "provenance/leaf.h"
#include "provenance/ledger.h"
#include "provenance/readmission.h"

namespace cloister::cli {
namespace {

using protocol::limits::records_max;

tl::unexpected<Error> unreadable(std::uint64_t index) {
  return fail(Kind::forbidden, "audit.unreadable",
              fmt::format("Record {} is not for you to read.", index),
              "Ask as an auditor; a bundle of an auditor can be checked by anyone.");
}

// Fetches, admits again, and can be asked to go on: the ledger grows while it is read.
class Reader {
 public:
  Reader(Line& line, Replica& replica)
      : line_(line), replica_(replica), readmission_(replica.ledger, replica.rules) {}

  // Until a portion comes back empty: then its checkpoint covers exactly what we have.
  Result<void> catch_up() {
    while (true) {
      const protocol::FetchRecords range{size_, static_cast<std::uint32_t>(records_max)};
      auto portion = line_.ask<protocol::Records>(range, Duration{60'000});
      if (!portion) return pass(portion);
      if (auto taken = take(*portion); !taken) return taken;
      if (!portion->entries.empty()) continue;
      if (auto done = finish(); !done) return done;
      auto note = provenance::parse_note(as_text(portion->checkpoint));
      if (!note) return pass(note);
      replica_.checkpoint = std::move(*note);
      return {};
    }
  }

 private:
  Result<void> take(const protocol::Records& portion) {
    for (const protocol::LedgerEntry& entry : portion.entries) {
      if (entry.index != size_) {
        return fail(
            Kind::corrupt, "audit.gap",
            fmt::format("The coordinator sent record {} where {} comes next.", entry.index, size_),
            "Keep this message; ask the coordinator's operator why.");
      }
      if (entry.envelope.empty()) return unreadable(entry.index);
      if (auto done = admit_again(entry); !done) return done;
      ++size_;
    }
    return {};
  }

  Result<void> admit_again(const protocol::LedgerEntry& entry) {
    const auto envelope = provenance::parse_envelope(as_text(entry.envelope));
    if (!envelope) return pass(envelope);
    const auto record = provenance::parse_statement(envelope->payload);
    if (!record) return pass(record);
    const auto leaf = provenance::parse_leaf(entry.leaf);
    if (!leaf) return pass(leaf);
    // What is not what was signed may be what an erasure left: the records that follow must say so.
    const bool is_whole = crypto::sha256(envelope->payload) == leaf->payload_hash;
    return readmission_.add(
        {std::string(as_text(entry.envelope)), {}, is_whole ? Bytes() : entry.leaf}, record->kind);
  }

  // What is waiting is whole once nothing follows it: a withdrawal's group may span portions.
  Result<void> finish() {
    if (auto done = readmission_.finish(); !done) return done;
    const auto head = provenance::ledger_head(replica_.ledger);
    if (!head) return pass(head);
    replica_.head = *head;
    return {};
  }

  Line& line_;
  Replica& replica_;
  provenance::Readmission readmission_;
  std::uint64_t size_ = 0;
};

// Every site's agent whose key is bound is a witness of the log.
Result<void> name_witnesses(Replica& replica, const provenance::NoteKey& log) {
  auto keys = provenance::all_keys(replica.ledger);
  if (!keys) return pass(keys);
  std::vector<provenance::PolicyWitness> witnesses;
  for (const provenance::KeyState& one : *keys) {
    if (one.role != provenance::Role::site_agent || one.revoked_at) continue;
    const std::string& name = one.member.text();
    witnesses.push_back({name, {name, provenance::NoteKeyType::cosignature, one.key}});
  }
  replica.policy = provenance::default_policy(log, std::move(witnesses));
  return {};
}

bool is_witnessed(const Replica& replica) {
  const auto names = provenance::cosigners(replica.checkpoint, replica.policy);
  return names && provenance::has_quorum(*names, replica.policy);
}

}  // namespace

Result<void> each_record(Line& line,
                         const std::function<void(const protocol::LedgerEntry&)>& visit) {
  std::uint64_t from = 0;
  while (true) {
    auto portion = line.ask<protocol::Records>(
        protocol::FetchRecords{from, static_cast<std::uint32_t>(records_max)}, Duration{60'000});
    if (!portion) return pass(portion);
    for (const auto& entry : portion->entries) visit(entry);
    if (portion->entries.empty()) return {};
    from += portion->entries.size();
  }
}

Result<provenance::StoredRecord> stored_in(const protocol::LedgerEntry& entry) {
  if (entry.envelope.empty()) return unreadable(entry.index);
  auto envelope = provenance::parse_envelope(as_text(entry.envelope));
  if (!envelope) return pass(envelope);
  auto record = provenance::parse_statement(envelope->payload);
  if (!record) return pass(record);
  const auto leaf = provenance::parse_leaf(entry.leaf);
  if (!leaf) return pass(leaf);
  provenance::StoredRecord stored;
  stored.index = entry.index;
  stored.note = {record->kind,
                 record->outcome,
                 record->issued_at,
                 leaf->payload_hash,
                 provenance::leaf_hash(entry.leaf),
                 record->actor.id,
                 record->actor.org};
  stored.is_remains = crypto::sha256(envelope->payload) != leaf->payload_hash;
  stored.envelope = std::move(*envelope);
  stored.record = std::move(*record);
  return stored;
}

provenance::NoteKey log_key(const MembershipFile& membership) {
  return {membership.log, provenance::NoteKeyType::ed25519, membership.coordinator.sign};
}

Result<provenance::LedgerRules> ledger_rules(const MembershipFile& membership) {
  const auto known = member::Membership::from(membership.root, membership.envelopes);
  for (const auto& [id, one] : known.members()) {
    if (crypto::key_id(one.sign) != membership.root) continue;
    provenance::LedgerRules rules;
    rules.log_origin = membership.log;
    rules.roots = {{id, one.org, one.sign}};
    return rules;
  }
  return fail(Kind::corrupt, "membership.root",
              "membership.json does not hold the root's own record.",
              "Restore it from a copy, or join again.");
}

Result<Replica> fetch_ledger(Seat& seat, Duration witness_wait) {
  Replica replica;
  auto rules = ledger_rules(seat.membership);
  if (!rules) return pass(rules);
  replica.rules = std::move(*rules);
  const provenance::NoteKey log = log_key(seat.membership);
  const auto seen = read_seen_head(seat.home, log);
  if (!seen) return pass(seen);
  Reader reader(*seat.line, replica);
  if (auto read = reader.catch_up(); !read) return pass(read);
  if (auto named = name_witnesses(replica, log); !named) return pass(named);
  const SystemClock clock;
  const Duration end = clock.monotonic() + witness_wait;
  while (!is_witnessed(replica) && clock.monotonic() < end) {
    seat.line->loop().run_until([] { return false; }, Duration{500});
    if (auto read = reader.catch_up(); !read) return pass(read);
  }
  if (!is_witnessed(replica)) replica.policy.quorum = "none";
  auto checkpoint = provenance::open_checkpoint(replica.checkpoint, log);
  if (!checkpoint) return pass(checkpoint);
  if (!(replica.head == checkpoint->head)) {
    return fail(Kind::corrupt, "audit.root",
                "A replay of the records gives another root than the coordinator signed.",
                "Keep the records and the checkpoint as evidence; tell the consortium.");
  }
  if (auto same = check_seen_head(seat.home, log, *seen, replica); !same) return pass(same);
  return replica;
}

}  // namespace cloister::cli
