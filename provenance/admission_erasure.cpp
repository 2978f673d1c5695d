// Admission: erasing the words of a record.
#include "crypto/hash.h"
#include "provenance/admission.h"
#include "provenance/erasure.h"
#include "provenance/stored.h"

namespace cloister::provenance {
namespace {

tl::unexpected<Error> bad(std::string what, std::string next = {}) {
  return fail(Kind::forbidden, "sequencer.erasure", std::move(what), std::move(next));
}

// The words belong to the organisation whose member wrote them.
Result<void> check_eraser(const Record& record, const StoredRecord& target) {
  const Role role = record.actor.role;
  const bool may =
      role == Role::site_steward || role == Role::site_admin || role == Role::consortium_admin;
  if (may && record.actor.org == target.note.org) return {};
  return bad(fmt::format("'{}' may not erase what '{}' of '{}' wrote.", record.actor.id,
                         target.note.signer, target.note.org),
             "Ask a steward or an administrator of that organisation.");
}

// What is left of the record, as it is stored now or will be.
Result<Bytes> remains_in(const StoredRecord& target) {
  if (target.is_remains) return target.envelope->payload;  // the log is gone through again
  const auto left = remains_of(*target.record, target.note.leaf_hash);
  if (!left) return bad(left.error().what, left.error().next);
  return to_statement(*left);
}

}  // namespace

Result<std::optional<Put>> check_erasure(const AdmissionView& view, const Record& record) {
  const auto erasure = erasure_in(record);
  if (!erasure) return bad(erasure.error().what);
  if (!*erasure) return std::optional<Put>();
  const auto index = index_of(view.ledger, (*erasure)->record);
  if (!index) return pass(index);
  if (!*index) return bad("The erasure names something that is no record.");
  const auto target = stored_record(view.ledger, **index);
  if (!target) return pass(target);
  if (!target->record || target->erased) {
    return bad(fmt::format("The words of record {} are gone already.", target->index));
  }
  if (auto may = check_eraser(record, *target); !may) return pass(may);
  auto left = remains_in(*target);
  if (!left) return pass(left);
  const bool is_it = (*erasure)->kind == target->note.kind &&
                     (*erasure)->payload == target->note.payload_hash &&
                     (*erasure)->remains == crypto::sha256(*left) &&
                     record.study == target->record->study && record.job == target->record->job;
  if (!is_it) return bad("The erasure does not say of its record what the ledger says of it.");
  Envelope envelope = *target->envelope;
  envelope.payload = std::move(*left);
  return std::optional(Put{key::envelope(target->note.payload_hash),
                           to_bytes(StoredEnvelope{std::move(envelope), true})});
}

}  // namespace cloister::provenance
