#include "coordinator/ledger.h"

#include <algorithm>
#include <array>

#include "base/ensure.h"
#include "base/file.h"
#include "coordinator/beside_ledger.h"
#include "coordinator/ledger_store.h"
#include "coordinator/second_core.h"
#include "protocol/limits.h"
#include "provenance/ledger.h"
#include "provenance/tiles.h"

namespace cloister::coordinator {
namespace {

using provenance::Note;
using provenance::Record;
using provenance::RecordKind;

tl::unexpected<Error> rollback(std::string what) {
  return fail(
      Kind::corrupt, "ledger.rollback", std::move(what),
      "The checkpoint beside it was signed and shown to members: restore the newest copy of the "
      "ledger, not an older one.");
}

tl::unexpected<Error> not_ours(const Error& why) {
  return fail(
      Kind::corrupt, "ledger.checkpoint",
      "The file `checkpoint` beside the ledger holds no checkpoint of this log. " + why.what,
      "Keep a copy of the folder as evidence, then restore the latest backup.");
}

// The withdrawal in this envelope, if it is one. A statement names its kind in plain letters, or is
// refused for its spelling: so most need not be read for this.
std::optional<Record> withdrawal_in(const provenance::Submission& submission) {
  if (const Record* opened = provenance::record_opened_ahead(submission)) {
    if (opened->kind == RecordKind::consent_withdrawn) return *opened;
    return {};
  }
  const auto envelope = provenance::parse_envelope(submission.envelope);
  const std::string_view kind = provenance::to_string(RecordKind::consent_withdrawn);
  if (!envelope || as_text(envelope->payload).find(kind) == std::string_view::npos) return {};
  auto record = provenance::parse_statement(envelope->payload);
  if (!record || record->kind != RecordKind::consent_withdrawn) return {};
  return std::move(*record);
}

// Keys one after another, the length of each before it.
Bytes purge_list(const std::vector<Bytes>& keys) {
  Bytes list;
  for (const Bytes& key : keys) {
    ensure(key.size() <= UINT8_MAX, "a key's length in a byte");
    list.push_back(static_cast<std::uint8_t>(key.size()));
    append(list, key);
  }
  return list;
}

std::vector<Bytes> keys_listed(BytesView list) {
  std::vector<Bytes> keys;
  while (!list.empty() && list.front() < list.size()) {
    const BytesView key = list.subspan(1, list.front());
    keys.emplace_back(key.begin(), key.end());
    list = list.subspan(1 + key.size());
  }
  return keys;
}

}  // namespace

struct Ledger::Inner {
  explicit Inner(LedgerParts from)
      : parts(std::move(from)),
        disk(parts.store),
        sealed(disk),
        staged(static_cast<const provenance::LedgerReader&>(sealed)),
        sequencer(staged, parts.rules) {}

  LedgerParts parts;
  LedgerStore disk;
  provenance::StagedLedger sealed;  // being written: never changes meanwhile
  provenance::StagedLedger staged;
  provenance::Sequencer sequencer;
  std::uint64_t size = 0;
  std::uint64_t placed = 0;
  provenance::CompactRange range;  // of what was placed
  bool has_erased = false;
  Note note;
  std::string own_org;

  [[nodiscard]] provenance::NoteKey log_key() const {
    return {parts.rules.log_origin, provenance::NoteKeyType::ed25519,
            parts.identity.sign.public_key()};
  }

  // Signs the durable head and makes that durable too, outside. Inside it need not be synced: the
  // next records, or the next start, which signs the same bytes, make it so.
  Result<Note> sign_head(const provenance::TreeHead& head) {
    const provenance::Checkpoint checkpoint{parts.rules.log_origin, head};
    Note signed_note = provenance::sign_checkpoint(checkpoint, parts.identity.sign);
    const provenance::Put put = provenance::checkpoint_put(checkpoint, signed_note);
    storage::WriteBatch batch;
    batch.put(put.key, put.value);
    if (auto ok = parts.store.write(batch, storage::Durability::buffered); !ok) return pass(ok);
    if (auto ok = parts.outside.keep(provenance::to_text(signed_note)); !ok) return pass(ok);
    return signed_note;
  }

  // The head outside, which this tree must extend: an empty one if nothing was ever signed.
  Result<provenance::TreeHead> checked_outside(const provenance::TreeHead& head) const {
    const auto notes = parts.outside.read();
    if (!notes) {
      if (notes.error().kind != Kind::not_found) return pass(notes);
      if (head.size == 0) return provenance::TreeHead{};
      return rollback("There is a ledger, but no checkpoint beside it.");
    }
    const auto seen = newest_head(*notes, log_key());
    if (!seen) return not_ours(seen.error());
    if (seen->size > head.size) {
      return rollback(fmt::format("The ledger holds {} records, but {} were acknowledged before.",
                                  head.size, seen->size));
    }
    const provenance::LedgerTiles tiles(disk);
    const auto root = provenance::tree_root(provenance::TileNodes(tiles), seen->size);
    if (!root) return pass(root);
    if (*root == seen->root) return *seen;
    return rollback("The ledger is not the one whose checkpoint was signed before.");
  }

  // What these erasures replaced must leave the disk, and with it the kept fold, which may hold the
  // same words; written down in the same batch, so that a crash before it is done leaves it to the
  // next start.
  Result<void> note_erasures(std::vector<Bytes> keys, storage::WriteBatch& batch) {
    if (keys.empty()) return {};
    const auto folded = fold_keys(parts.store);
    if (!folded) return pass(folded);
    for (const Bytes& key : *folded) batch.erase(key);
    keys.insert(keys.end(), folded->begin(), folded->end());
    batch.put(provenance::key::purge(), purge_list(keys));
    return {};
  }

  Result<void> purge() {
    const auto noted = parts.store.get(provenance::key::purge());
    if (!noted) return pass(noted);
    if (!*noted) return {};
    if (auto ok = parts.store.purge(keys_listed(**noted)); !ok) return ok;
    storage::WriteBatch batch;
    batch.erase(provenance::key::purge());
    return parts.store.write(batch, storage::Durability::synced);
  }

  Result<std::string> sign(Record record, Instant now, const provenance::SignerPlace& place) {
    std::array<std::uint8_t, 10> random{};
    parts.entropy.fill(random);
    record.record_id = uuid_v7(now, random);
    record.issued_at = now;
    record.signer_seq = place.next_seq;
    record.prev_by_signer = place.last;
    record.actor = {parts.identity.id, provenance::Role::coordinator, org(), {}};
    const auto envelope = provenance::sign_record(record, parts.identity.sign);
    if (!envelope) return pass(envelope);
    return provenance::to_json(*envelope);
  }

  // The name that this envelope will have, if its hint is right; else it is refused anyway.
  Result<Digest> leaf_of(const std::string& envelope_json) {
    const auto envelope = provenance::parse_envelope(envelope_json);
    if (!envelope) return pass(envelope);
    if (envelope->signatures.empty()) return Digest{};
    const auto hint = digest_from_hex(envelope->signatures.front().keyid);
    if (!hint) return Digest{};
    const auto state = provenance::key_state(staged, *hint);
    if (!state) return pass(state);
    if (!*state) return Digest{};
    return provenance::record_hash(*envelope, (*state)->key);
  }

  const std::string& org() {
    if (own_org.empty()) {
      const auto state = provenance::key_state(staged, parts.identity.sign.public_key());
      if (state && *state) own_org = (*state)->org;
    }
    return own_org;
  }

  // quarantine.set for everything made from what is withdrawn, as signed envelopes.
  // Nothing for a withdrawal that has its place already: it has its quarantine too.
  Result<std::vector<provenance::Submission>> quarantine(const std::string& envelope_json,
                                                         const Record& withdrawal, Instant now) {
    const auto signer = provenance::signer_place(staged, withdrawal.actor.id);
    if (!signer) return pass(signer);
    if (withdrawal.signer_seq < signer->next_seq) return std::vector<provenance::Submission>();
    const auto leaf = leaf_of(envelope_json);
    if (!leaf) return pass(leaf);
    std::vector<Digest> subjects;
    for (const auto& subject : withdrawal.subjects) subjects.push_back(subject.digest);
    const auto portions = provenance::plan_quarantine(staged, subjects);
    if (!portions) return pass(portions);
    auto place = provenance::signer_place(staged, parts.identity.id);
    if (!place) return pass(place);
    std::vector<provenance::Submission> envelopes;
    for (const auto& portion : *portions) {
      Record record;
      record.kind = RecordKind::quarantine_set;
      record.study = withdrawal.study;
      record.stage = "withdrawal";
      record.subjects = portion;
      record.details.set("withdrawal", *leaf);
      auto envelope = sign(std::move(record), now, *place);
      if (!envelope) return pass(envelope);
      const auto parsed = provenance::parse_envelope(*envelope);
      const auto hash = provenance::record_hash(*parsed, parts.identity.sign.public_key());
      if (!hash) return pass(hash);
      *place = {place->next_seq + 1, *hash};
      envelopes.push_back({std::move(*envelope), {}});
    }
    return envelopes;
  }

  Result<Outcome> judge(std::span<const provenance::Submission> group, const Rule& rule,
                        Instant now);
};

Ledger::Ledger(std::unique_ptr<Inner> inner) : inner_(std::move(inner)) {}
Ledger::~Ledger() = default;

Result<std::unique_ptr<Ledger>> Ledger::open(LedgerParts parts) {
  auto inner = std::make_unique<Inner>(std::move(parts));
  const auto head = provenance::checked_head(inner->disk);
  if (!head) return pass(head);
  const auto outside = inner->checked_outside(*head);
  if (!outside) return pass(outside);
  const auto stored = provenance::newest_checkpoint(inner->disk);
  if (!stored) return pass(stored);
  const bool is_signed = head->size > 0 && *outside == *head && *stored &&
                         provenance::open_checkpoint(**stored, inner->log_key()) &&
                         provenance::open_checkpoint(**stored, inner->log_key())->head == *head;
  inner->size = inner->placed = head->size;
  if (is_signed) {
    inner->note = **stored;
  } else {
    // A crash between the records and their checkpoint, inside or outside: the records are durable,
    // so sign now; nobody is told of a head that is not outside. The empty ledger is signed as
    // well, so that its file outside exists before its first record.
    auto note = inner->sign_head(*head);
    if (!note) return pass(note);
    inner->note = std::move(*note);
  }
  if (auto ok = inner->purge(); !ok) return pass(ok);
  return std::unique_ptr<Ledger>(new Ledger(std::move(inner)));
}

Result<void> Ledger::replay(std::uint64_t from, const Visit& visit) const {
  for (std::uint64_t index = from; index < inner_->size; ++index) {
    auto stored = provenance::stored_record(inner_->disk, index);
    if (!stored) return pass(stored);
    if (!stored->record || !stored->envelope) continue;  // gone whole: it has no more effect
    Placed placed{index, stored->note.leaf_hash, std::move(*stored->record),
                  to_bytes(provenance::to_json(*stored->envelope))};
    if (auto ok = visit(std::move(placed)); !ok) return ok;
  }
  return {};
}

Result<Ledger::Outcome> Ledger::Inner::judge(std::span<const provenance::Submission> group,
                                             const Rule& rule, Instant now) {
  auto batch = sequencer.prepare(group, {now, true, range});
  if (!batch) return pass(batch);
  Outcome outcome;
  // The reason for refusing a group is its own, not "another record was refused".
  for (const auto& result : batch->outcomes) {
    if (!result && result.error().code != "sequencer.group") return pass(result);
  }
  auto record = batch->records.begin();
  for (std::size_t i = 0; i < group.size(); ++i) {
    const auto& result = batch->outcomes[i];
    if (!result) return pass(result);
    outcome.receipts.push_back({result->index, result->leaf_hash});
    if (result->was_there) continue;
    if (auto ok = rule(*record); !ok) return pass(ok);
    outcome.placed.push_back(
        {result->index, result->leaf_hash, std::move(*record), to_bytes(group[i].envelope)});
    ++record;
  }
  for (provenance::Put& put : batch->puts) staged.put(std::move(put.key), std::move(put.value));
  placed = batch->head.size;
  if (!batch->puts.empty()) range = std::move(batch->range);
  return outcome;
}

std::vector<provenance::Submission> Ledger::open_ahead(std::span<const Bytes> envelopes) const {
  std::vector<provenance::Submission> group;
  for (const Bytes& envelope : envelopes) group.push_back({std::string(as_text(envelope)), {}});
  inner_->sequencer.open_ahead(group, spread_over_two_cores);
  return group;
}

Result<Ledger::Outcome> Ledger::place(std::span<const provenance::Submission> submitted,
                                      const Rule& rule, Instant now) {
  std::vector<provenance::Submission> group(submitted.begin(), submitted.end());
  for (const provenance::Submission& submission : submitted) {
    const auto withdrawal = withdrawal_in(submission);
    if (!withdrawal) continue;
    auto more = inner_->quarantine(submission.envelope, *withdrawal, now);
    if (!more) return pass(more);
    group.insert(group.end(), more->begin(), more->end());
  }
  auto outcome = inner_->judge(group, rule, now);
  if (outcome) outcome->receipts.resize(submitted.size());
  return outcome;
}

Result<Ledger::Outcome> Ledger::place(std::span<const Bytes> envelopes, const Rule& rule,
                                      Instant now) {
  return place(open_ahead(envelopes), rule, now);
}

Result<Ledger::Outcome> Ledger::place_own(Record record, const Rule& rule, Instant now) {
  const auto place = provenance::signer_place(inner_->staged, inner_->parts.identity.id);
  if (!place) return pass(place);
  auto envelope = inner_->sign(std::move(record), now, *place);
  if (!envelope) return pass(envelope);
  const provenance::Submission own{std::move(*envelope), {}};
  return inner_->judge({&own, 1}, rule, now);
}

bool Ledger::has_staged() const { return !inner_->staged.staged().empty(); }
std::uint64_t Ledger::placed() const { return inner_->placed; }

Result<void> Ledger::commit() {
  if (!has_staged()) return {};
  seal();
  auto written = write_sealed();
  if (!written) return pass(written);
  adopt(std::move(*written));
  return {};
}

void Ledger::seal() {
  ensure(inner_->sealed.staged().empty(), "one group is written at a time");
  inner_->staged.move_to(inner_->sealed);
}

Result<Ledger::Written> Ledger::write_sealed() {
  storage::WriteBatch batch;
  std::vector<Bytes> erasures;
  for (const auto& [key, value] : inner_->sealed.staged()) {
    batch.put(key, value);
    if (provenance::is_erasure(key, value)) erasures.push_back(key);
  }
  const bool has_erased = !erasures.empty();
  if (auto ok = inner_->note_erasures(std::move(erasures), batch); !ok) return pass(ok);
  if (auto ok = inner_->parts.store.write(batch, storage::Durability::synced); !ok) return pass(ok);
  const auto head = provenance::ledger_head(inner_->disk);
  if (!head) return pass(head);
  auto note = inner_->sign_head(*head);
  if (!note) return pass(note);
  if (has_erased) {
    if (auto ok = inner_->purge(); !ok) return pass(ok);
  }
  return Written{head->size, std::move(*note), has_erased};
}

void Ledger::adopt(Written written) {
  inner_->sealed.drop();
  inner_->size = written.size;
  inner_->note = std::move(written.checkpoint);
  inner_->has_erased = inner_->has_erased || written.has_erased;
}

bool Ledger::has_erased() const { return inner_->has_erased; }

std::uint64_t Ledger::size() const { return inner_->size; }
const Note& Ledger::checkpoint() const { return inner_->note; }

Result<std::optional<Note>> Ledger::checkpoint_at(std::uint64_t size) const {
  if (size == inner_->size) return std::optional(inner_->note);
  const auto stored = inner_->disk.get(provenance::key::checkpoint(size));
  if (!stored) return pass(stored);
  if (!*stored) return std::optional<Note>();
  auto note = provenance::parse_note(as_text(**stored));
  if (!note) return pass(note);
  return std::optional(std::move(*note));
}

Result<Digest> Ledger::root_at(std::uint64_t size) const {
  const provenance::LedgerTiles tiles(inner_->disk);
  return provenance::tree_root(provenance::TileNodes(tiles), size);
}

Result<std::vector<Bytes>> Ledger::consistency(std::uint64_t from) const {
  std::vector<Bytes> proof;
  if (from == 0 || from >= inner_->size) return proof;
  const auto hashes = provenance::prove_consistency(inner_->disk, from, inner_->size);
  if (!hashes) return pass(hashes);
  for (const Digest& hash : *hashes) proof.emplace_back(hash.bytes.begin(), hash.bytes.end());
  return proof;
}

Result<std::vector<Digest>> Ledger::consistency(std::uint64_t from, std::uint64_t to) const {
  return provenance::prove_consistency(inner_->disk, from, to);
}

Result<std::optional<std::uint64_t>> Ledger::place_of(const Digest& leaf) const {
  auto index = provenance::index_of(inner_->disk, leaf);
  if (index && *index && **index >= inner_->size) return std::optional<std::uint64_t>();
  return index;
}

Result<std::vector<Digest>> Ledger::inclusion(std::uint64_t index, std::uint64_t size) const {
  return provenance::prove_inclusion(inner_->disk, index, size);
}

Result<protocol::SignerState> Ledger::signer(const MemberId& member) const {
  const auto place = provenance::signer_place(inner_->staged, member);
  if (!place) return pass(place);
  return protocol::SignerState{place->next_seq - 1, place->last};
}

Result<std::vector<protocol::LedgerEntry>> Ledger::read(const protocol::FetchRecords& range,
                                                        const MayRead& may_read) const {
  std::vector<protocol::LedgerEntry> entries;
  std::size_t bytes = 0;
  const std::uint64_t count = std::min<std::uint64_t>(range.count, protocol::limits::records_max);
  for (std::uint64_t index = range.from; index < inner_->size && entries.size() < count; ++index) {
    auto leaf = provenance::leaf_at(inner_->disk, index);
    if (!leaf) return pass(leaf);
    auto stored = provenance::stored_record(inner_->disk, index);
    if (!stored) return pass(stored);
    protocol::LedgerEntry entry{index, std::move(*leaf), {}};
    if (stored->record && stored->envelope && may_read(*stored->record))
      entry.envelope = to_bytes(provenance::to_json(*stored->envelope));
    bytes += entry.leaf.size() + entry.envelope.size() + 64;
    if (!entries.empty() && bytes > protocol::limits::message_bytes_max * 3 / 4) break;
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace cloister::coordinator
