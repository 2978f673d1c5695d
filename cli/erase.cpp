#include "cli/erase.h"

#include <charconv>

#include "cli/desk.h"
#include "cli/replica.h"
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

// Where the coordinator says that this record stands.
Result<std::optional<std::uint64_t>> place_of(Line& line, const Digest& leaf) {
  const auto health = line.tell("health");
  if (!health) return pass(health);
  const auto size = provenance::count_at(*health, "ledger_size");
  if (!size) return pass(size);
  const auto told = line.tell("witnessed", fmt::format("{} {}", to_hex(leaf), *size));
  if (!told) return pass(told);
  if (told->find("index") == nullptr) return std::optional<std::uint64_t>();
  const auto index = provenance::count_at(*told, "index");
  if (!index) return pass(index);
  return std::optional(*index);
}

Result<protocol::LedgerEntry> find_entry(Line& line, const std::string& record) {
  const auto leaf = digest_from_hex(record);
  auto place =
      leaf ? place_of(line, *leaf) : Result<std::optional<std::uint64_t>>(number_in(record));
  if (!place) return pass(place);
  if (!*place) return unknown(record);
  auto portion = line.ask<protocol::Records>(protocol::FetchRecords{**place, 1});
  if (!portion) return pass(portion);
  if (portion->entries.empty() || portion->entries.front().index != **place) return unknown(record);
  protocol::LedgerEntry& entry = portion->entries.front();
  if (leaf && provenance::leaf_hash(entry.leaf) != *leaf) return unknown(record);
  return std::move(entry);
}

}  // namespace

Result<Answer> erase_words(Seat& seat, const EraseOptions& options) {
  const auto entry = find_entry(*seat.line, options.record);
  if (!entry) return pass(entry);
  if (entry->envelope.empty()) {
    return fail(Kind::forbidden, "erase.unreadable",
                fmt::format("Record {} is not for you to read.", entry->index),
                "Ask a steward or an administrator of the organisation that wrote it.");
  }
  const auto stored = stored_in(*entry);
  if (!stored) return pass(stored);
  auto record = provenance::erasure_of(*stored);
  if (!record) return pass(record);
  record->legal_basis = options.basis;
  auto leaves = sign_and_submit(seat, {std::move(*record)});
  if (!leaves) return pass(leaves);
  Answer answer;
  answer.text = fmt::format(
      "The words that '{}' wrote into record {} ({}) are erased. Its place, its proofs and what "
      "was made of it stay.\n"
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
