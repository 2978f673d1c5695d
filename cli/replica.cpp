#include "cli/replica.h"

#include "member/membership.h"
#include "protocol/limits.h"

namespace cloister::cli {
namespace {

using protocol::limits::records_max;

struct Fetched {
  std::vector<provenance::Submission> records;
  Bytes checkpoint;
};

Result<void> take(const protocol::Records& portion, Fetched& fetched) {
  for (const protocol::LedgerEntry& entry : portion.entries) {
    if (entry.index != fetched.records.size()) {
      return fail(Kind::corrupt, "audit.gap",
                  fmt::format("The coordinator sent record {} where {} comes next.", entry.index,
                              fetched.records.size()),
                  "Keep this message; ask the coordinator's operator why.");
    }
    if (entry.envelope.empty()) {
      return fail(
          Kind::forbidden, "audit.unreadable",
          fmt::format("Record {} is not for you to read, or its content was erased.", entry.index),
          "Ask as an auditor; a bundle of an auditor can be checked by anyone.");
    }
    fetched.records.push_back({std::string(as_text(entry.envelope)), {}});
  }
  return {};
}

// Until a portion comes back empty: then its checkpoint covers what we have.
Result<void> fetch_more(Line& line, Fetched& fetched) {
  while (true) {
    const protocol::FetchRecords range{fetched.records.size(),
                                       static_cast<std::uint32_t>(records_max)};
    auto portion = line.ask<protocol::Records>(range, Duration{60'000});
    if (!portion) return pass(portion);
    if (auto taken = take(*portion, fetched); !taken) return pass(taken);
    fetched.checkpoint = portion->checkpoint;
    if (portion->entries.empty()) return {};
  }
}

// Every site's agent is a witness of the log.
Result<provenance::TlogPolicy> witnesses_of(Seat& seat) {
  auto known = roster(seat);
  if (!known) return pass(known);
  std::vector<provenance::PolicyWitness> witnesses;
  for (const auto& [id, one] : known->members()) {
    if (one.role != protocol::Role::site_agent) continue;
    witnesses.push_back({id.text(), {id.text(), provenance::NoteKeyType::cosignature, one.sign}});
  }
  return provenance::default_policy(log_key(seat.membership), std::move(witnesses));
}

bool is_witnessed(const Fetched& fetched, const provenance::TlogPolicy& policy) {
  const auto note = provenance::parse_note(as_text(fetched.checkpoint));
  if (!note) return false;
  const auto names = provenance::cosigners(*note, policy);
  return names && provenance::has_quorum(*names, policy);
}

Result<Fetched> fetch_all(Seat& seat, provenance::TlogPolicy& policy, Duration witness_wait) {
  Fetched fetched;
  const SystemClock clock;
  const Duration end = clock.monotonic() + witness_wait;
  if (auto all = fetch_more(*seat.line, fetched); !all) return pass(all);
  while (!is_witnessed(fetched, policy) && clock.monotonic() < end) {
    seat.line->loop().run_until([] { return false; }, Duration{500});
    if (auto all = fetch_more(*seat.line, fetched); !all) return pass(all);
  }
  if (!is_witnessed(fetched, policy)) policy.quorum = "none";
  return fetched;
}

Result<void> admit_again(Replica& replica, const std::vector<provenance::Submission>& records) {
  const provenance::Sequencer sequencer(replica.ledger, replica.rules);
  for (std::size_t from = 0; from < records.size(); from += records_max) {
    const std::size_t count = std::min(records_max, records.size() - from);
    auto batch = sequencer.prepare(std::span(records).subspan(from, count), {});
    if (!batch) return pass(batch);
    for (std::size_t i = 0; i < batch->outcomes.size(); ++i) {
      if (!batch->outcomes[i]) {
        Error error = batch->outcomes[i].error();
        error.what =
            fmt::format("Record {} does not stand up to a replay: {}", from + i, error.what);
        return tl::unexpected<Error>(std::move(error));
      }
    }
    replica.ledger.apply(batch->puts);
    replica.head = batch->head;
  }
  return {};
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
  auto policy = witnesses_of(seat);
  if (!policy) return pass(policy);
  replica.policy = std::move(*policy);
  auto fetched = fetch_all(seat, replica.policy, witness_wait);
  if (!fetched) return pass(fetched);
  auto note = provenance::parse_note(as_text(fetched->checkpoint));
  if (!note) return pass(note);
  auto checkpoint = provenance::open_checkpoint(*note, log_key(seat.membership));
  if (!checkpoint) return pass(checkpoint);
  // Records that came after the newest checkpoint wait for the next one.
  if (checkpoint->head.size > fetched->records.size()) {
    return fail(Kind::unavailable, "audit.moving", "The ledger grew while it was being read.",
                "Ask again.");
  }
  fetched->records.resize(checkpoint->head.size);
  if (auto admitted = admit_again(replica, fetched->records); !admitted) return pass(admitted);
  if (!(replica.head == checkpoint->head)) {
    return fail(Kind::corrupt, "audit.root",
                "A replay of the records gives another root than the coordinator signed.",
                "Keep the records and the checkpoint as evidence; tell the consortium.");
  }
  replica.checkpoint = std::move(*note);
  return replica;
}

}  // namespace cloister::cli
