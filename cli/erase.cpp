#include "cli/erase.h"

#include <charconv>

#include "cli/desk.h"
#include "cli/replica.h"
#include "crypto/hash.h"
#include "provenance/erasure.h"
#include "provenance/leaf.h"
#include "provenance/merkle.h"

namespace cloister::cli {
namespace {

tl::unexpected<Error> unknown(const std::string& record) {
  return fail(Kind::not_found, "erase.unknown",
              fmt::format("The ledger has no record '{}'.", record.substr(0, 100)),
              "Give its number or its leaf hash, as `cloister audit history` prints them.");
}

std::optional<std::uint64_t> number_in(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<protocol::LedgerEntry> find_entry(Line& line, const std::string& record) {
  std::optional<protocol::LedgerEntry> found;
  const auto digest = digest_from_hex(record);
  const auto number = digest ? std::nullopt : number_in(record);
  if (!digest && !number) return unknown(record);
  if (number) {
    auto portion = line.ask<protocol::Records>(protocol::FetchRecords{*number, 1});
    if (!portion) return pass(portion);
    if (!portion->entries.empty()) found = std::move(portion->entries.front());
  } else {
    auto looked = each_record(line, [&](const protocol::LedgerEntry& entry) {
      if (provenance::leaf_hash(entry.leaf) == *digest) found = entry;
    });
    if (!looked) return pass(looked);
  }
  if (!found) return unknown(record);
  return std::move(*found);
}

Result<provenance::StoredRecord> stored_in(const protocol::LedgerEntry& entry) {
  if (entry.envelope.empty()) {
    return fail(Kind::forbidden, "erase.unreadable",
                fmt::format("Record {} is not for you to read.", entry.index),
                "Ask a steward or an administrator of the organisation that wrote it.");
  }
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

}  // namespace

Result<Answer> erase_words(Seat& seat, const EraseOptions& options) {
  const auto entry = find_entry(*seat.line, options.record);
  if (!entry) return pass(entry);
  const auto stored = stored_in(*entry);
  if (!stored) return pass(stored);
  auto record = provenance::erasure_of(*stored);
  if (!record) return pass(record);
  record->legal_basis = options.basis;
  LineDesk desk(*seat.line);
  const Pen pen{seat.line->identity(), seat.membership.role,
                org_of(seat.membership.site, seat.membership.log)};
  auto leaves = sign_and_submit(desk, pen, {std::move(*record)});
  if (!leaves) return pass(leaves);
  Answer answer;
  answer.text = fmt::format(
      "The words that '{}' wrote into record {} ({}) are erased. Its place, its proofs and what "
      "was "
      "made of it stay.\n"
      "  record {}\n"
      "Still to be done by people: delete copies of the ledger that were made before now, and make "
      "anew what was exported before (`cloister audit history` names each export.issued).\n",
      stored->note.signer, stored->index, to_string(stored->note.kind), to_hex(leaves->front()));
  answer.json.set("erased", stored->index)
      .set("kind", to_string(stored->note.kind))
      .set("record", to_hex(leaves->front()))
      .set("signed_by", seat.membership.member.text());
  return answer;
}

}  // namespace cloister::cli
