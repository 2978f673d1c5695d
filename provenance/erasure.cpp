#include "provenance/erasure.h"

#include <algorithm>
#include <array>

#include "crypto/hash.h"
#include "provenance/closure.h"

namespace cloister::provenance {
namespace {

constexpr std::string_view what = "words";
constexpr std::array<std::string_view, 3> written_by_people{"reason", "why", "what"};

// Members act on these for good, and check their signatures each time.
bool must_stay_whole(RecordKind kind) {
  constexpr std::array kinds{RecordKind::key_bound,     RecordKind::key_rotated,
                             RecordKind::key_revoked,   RecordKind::site_enrolled,
                             RecordKind::study_opened,  RecordKind::policy_published,
                             RecordKind::erase_executed};
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

bool blank(Record& record) {
  bool found = !record.reason.empty();
  if (found) record.reason = erased_words;
  for (const std::string_view field : written_by_people) {
    if (text_or_empty(record.details, field).empty()) continue;
    record.details.set(field, erased_words);
    found = true;
  }
  return found;
}

}  // namespace

Result<std::optional<Erasure>> erasure_in(const Record& record) {
  if (record.kind != RecordKind::erase_executed) return std::optional<Erasure>();
  if (text_or_empty(record.details, "what") != what) return std::optional<Erasure>();
  const auto kind = kind_from_name(text_or_empty(record.details, "kind"));
  const auto payload = digest_at(record.details, "payload");
  const auto remains = digest_at(record.details, "remains");
  if (record.subjects.size() != 1 || !kind || !payload || !remains) {
    return fail(Kind::invalid, "erasure.format",
                "An erasure of words names one record, its kind, and the hashes of what it held "
                "and of what is left.");
  }
  return std::optional(Erasure{record.subjects.front().digest, *kind, *payload, *remains});
}

Result<Record> remains_of(Record record, const Digest& leaf_hash) {
  if (must_stay_whole(record.kind)) {
    return fail(
        Kind::forbidden, "erasure.kind",
        fmt::format("The words of a {} cannot be erased: everybody checks its signature "
                    "for as long as the consortium lasts.",
                    to_string(record.kind)),
        "Write no names of patients or other private matters into keys, policies and plans.");
  }
  if (!blank(record)) {
    return fail(Kind::not_found, "erasure.nothing",
                fmt::format("Nobody wrote a reason into this {}: there are no words to erase.",
                            to_string(record.kind)),
                "`cloister audit history STUDY` shows the records that hold words.");
  }
  record.record_id = uuid_v7(record.issued_at, leaf_hash.view().first<10>());
  return record;
}

Result<Record> erasure_of(const StoredRecord& stored) {
  if (!stored.record || stored.is_remains) {
    return fail(Kind::conflict, "erasure.done",
                fmt::format("The words of record {} are gone already.", stored.index),
                "Nothing to do.");
  }
  const auto left = remains_of(*stored.record, stored.note.leaf_hash);
  if (!left) return pass(left);
  const auto bytes = to_statement(*left);
  if (!bytes) return pass(bytes);
  Record record;
  record.kind = RecordKind::erase_executed;
  record.study = stored.record->study;
  record.job = stored.record->job;
  record.stage = "erasure";
  record.subjects = {{"record", stored.note.leaf_hash}};
  record.details.set("what", what)
      .set("kind", to_string(stored.note.kind))
      .set("payload", stored.note.payload_hash)
      .set("remains", crypto::sha256(*bytes));
  return record;
}

Result<std::optional<ErasedBy>> erased_by(const LedgerReader& reader, const Digest& leaf_hash) {
  const auto talk = edges_of(reader, leaf_hash, Direction::forward, Edge::about);
  if (!talk) return pass(talk);
  for (const GraphEdge& edge : *talk) {
    const auto note = record_note(reader, edge.index);
    if (!note) return pass(note);
    if (note->kind != RecordKind::erase_executed) continue;
    const auto stored = stored_record(reader, edge.index);
    if (!stored) return pass(stored);
    if (!stored->record) continue;
    const auto erasure = erasure_in(*stored->record);
    if (!erasure || !*erasure) continue;
    return std::optional(ErasedBy{edge.index, note->signer, note->org, note->issued_at});
  }
  return std::optional<ErasedBy>();
}

}  // namespace cloister::provenance
