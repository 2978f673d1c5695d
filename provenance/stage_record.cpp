// What an admitted record changes in the ledger, but for tiles and head.
#include "provenance/admission.h"
#include "provenance/closure.h"
#include "provenance/stored.h"

namespace cloister::provenance {
namespace {

class Stager {
 public:
  Stager(StagedLedger& ledger, std::uint64_t index) : ledger_(ledger), index_(index) {}

  void edge(const Digest& from, Edge kind, const Digest& to) {
    const auto code = static_cast<std::uint8_t>(kind);
    ledger_.put(edge_key(key::edges_from(from), {code, index_, to}), {});
    ledger_.put(edge_key(key::edges_to(to), {code, index_, from}), {});
  }
  void artefact(const Digest& digest) { ledger_.put(key::artefact(digest), {}); }
  void named(char table, const std::string& name, RecordKind kind) {
    if (name.empty()) return;
    Bytes key = key::named(table, name);
    append(key, be64(index_));
    ledger_.put(std::move(key), {static_cast<std::uint8_t>(kind)});
  }

 private:
  StagedLedger& ledger_;
  std::uint64_t index_;
};

void stage_edges(Stager& stager, const Judged& judged) {
  const Record& record = judged.record;
  const Digest& self = judged.leaf_hash;
  for (const Input& input : record.inputs) stager.edge(input.digest, Edge::used, self);
  for (const Digest& approval : record.approvals) stager.edge(approval, Edge::approved, self);
  if (record.policy) stager.edge(record.policy->sha256, Edge::governed, self);
  // Judgements speak of what they looked at: found from there without walking every use of it.
  if (record.kind == RecordKind::gate_reported || record.kind == RecordKind::permit_granted ||
      record.kind == RecordKind::model_evaluated) {
    for (const Input& input : record.inputs) stager.edge(input.digest, Edge::about, self);
  }
  const Subjects subjects = traits(record.kind).subjects;
  const bool invalidates =
      record.kind == RecordKind::consent_withdrawn || record.kind == RecordKind::quarantine_set;
  for (const Subject& subject : record.subjects) {
    if (subjects == Subjects::produced) {
      stager.artefact(subject.digest);
      stager.edge(self, Edge::generated, subject.digest);
    } else if (subjects == Subjects::about) {
      stager.edge(subject.digest, invalidates ? Edge::invalidated : Edge::about, self);
    }
  }
}

void stage_keys(StagedLedger& ledger, const Judged& judged, std::uint64_t index) {
  const Record& record = judged.record;
  if (record.kind == RecordKind::key_bound || record.kind == RecordKind::key_rotated) {
    const KeyBinding binding = key_binding_from(record.details).value();
    const KeyState state{binding.member, binding.role, binding.org,
                         binding.key,    index,        std::nullopt};
    ledger.put(key::signing_key(key_digest(binding.key)), to_bytes(state));
  }
  if (record.kind != RecordKind::key_revoked) return;
  const Bytes raw = from_hex(text_or_empty(record.details, "key")).value();
  const Digest id = key_digest(crypto::public_key_from_bytes(raw).value());
  const auto value = ledger.get(key::signing_key(id));
  // A root that no record bound has no state yet; the revocation makes one.
  KeyState state = value && *value ? parse_key_state(**value).value() : judged.key;
  state.key = crypto::public_key_from_bytes(raw).value();
  state.revoked_at = index;
  ledger.put(key::signing_key(id), to_bytes(state));
}

void stage_batch(StagedLedger& ledger, Stager& stager, const Judged& judged) {
  if (judged.predictions.empty()) return;
  const Digest root = batch_head(judged.predictions).root;
  for (std::size_t i = 0; i < judged.predictions.size(); ++i) {
    ledger.put(key::batch_entry(root, i), to_bytes(judged.predictions[i]));
    stager.artefact(judged.predictions[i].output);
    stager.edge(root, Edge::contains, judged.predictions[i].output);
  }
}

}  // namespace

void stage_record(StagedLedger& ledger, const Judged& judged, std::uint64_t index) {
  const Record& record = judged.record;
  Stager stager(ledger, index);
  ledger.put(key::leaf(index), judged.leaf_bytes);
  ledger.put(key::by_leaf_hash(judged.leaf_hash), be64(index));
  ledger.put(key::envelope(judged.leaf.payload_hash),
             to_bytes(StoredEnvelope{judged.envelope, judged.is_remains}));
  if (judged.erases) ledger.put(judged.erases->key, judged.erases->value);
  ledger.put(key::note(index), to_bytes(RecordNote{record.kind, record.outcome, record.issued_at,
                                                   judged.leaf.payload_hash, judged.leaf_hash,
                                                   record.actor.id, record.actor.org}));
  stager.named('W', record.actor.id.text(), record.kind);
  stager.named('J', record.job.text(), record.kind);
  stager.named('Y', record.study.text(), record.kind);
  stager.named('O', record.actor.org, record.kind);
  Bytes place = be64(record.signer_seq);
  append(place, judged.leaf_hash.view());
  ledger.put(key::named('S', record.actor.id.text()), std::move(place));
  stage_edges(stager, judged);
  stage_keys(ledger, judged, index);
  stage_batch(ledger, stager, judged);
  if (record.kind != RecordKind::quarantine_set) return;
  for (const Subject& subject : record.subjects) {
    ledger.put(key::quarantine(subject.digest), be64(index));
  }
}

}  // namespace cloister::provenance
