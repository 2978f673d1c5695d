// Admission: keys, withdrawals, prediction batches.
#include <algorithm>

#include "provenance/admission.h"
#include "provenance/closure.h"
#include "provenance/stored.h"

namespace cloister::provenance {
namespace {

tl::unexpected<Error> bad_binding(std::string what) {
  return fail(Kind::forbidden, "sequencer.binding", std::move(what));
}
tl::unexpected<Error> bad_batch(std::string what) {
  return fail(Kind::invalid, "sequencer.batch", std::move(what));
}

Result<void> check_bound(const AdmissionView& view, const Record& record) {
  const auto binding = key_binding_from(record.details);
  if (!binding) return bad_binding(binding.error().what);
  if (!proves_possession(*binding, view.rules.log_origin)) {
    return bad_binding("The holder of the new key did not prove that it has it.");
  }
  const auto state = key_state(view.ledger, binding->key);
  if (!state) return pass(state);
  if (*state) return bad_binding("The key is bound already.");
  if (record.kind == RecordKind::key_rotated) {
    const bool is_own = binding->member == record.actor.id && binding->role == record.actor.role &&
                        binding->org == record.actor.org;
    return is_own ? Result<void>() : bad_binding("A member rotates its own key only.");
  }
  const bool is_site_admin = record.actor.role == Role::site_admin;
  if (!may_bind(record.actor.role, binding->role) ||
      (is_site_admin && binding->org != record.actor.org)) {
    return bad_binding(fmt::format("A {} of '{}' may not bind a {} of '{}'.",
                                   to_string(record.actor.role), record.actor.org,
                                   to_string(binding->role), binding->org));
  }
  return {};
}

Result<void> check_revoked(const AdmissionView& view, const Record& record) {
  const auto bytes = from_hex(text_or_empty(record.details, "key"));
  if (!bytes || bytes->size() != 32) return bad_binding("The revocation names no key.");
  const auto key = crypto::public_key_from_bytes(*bytes).value();
  const auto state = known_key(view.ledger, view.rules, key_digest(key));
  if (!state) return pass(state);
  if (!*state) return bad_binding("The revocation names a key that is not bound.");
  const KeyState& revoked = **state;
  const bool is_own = revoked.member == record.actor.id;
  const bool is_below =
      may_bind(record.actor.role, revoked.role) &&
      (record.actor.role == Role::consortium_admin || revoked.org == record.actor.org);
  if (!is_own && !is_below) return bad_binding("The signer may not revoke this key.");
  if (revoked.revoked_at) return bad_binding("The key is revoked already.");
  return {};
}

}  // namespace

Result<void> check_key_record(const AdmissionView& view, const Record& record) {
  if (record.kind == RecordKind::key_revoked) return check_revoked(view, record);
  if (record.kind == RecordKind::key_bound || record.kind == RecordKind::key_rotated) {
    return check_bound(view, record);
  }
  return {};
}

Result<void> check_withdrawal(const AdmissionView& view, const Record& record) {
  if (record.kind != RecordKind::consent_withdrawn) return {};
  for (const Subject& subject : record.subjects) {
    const auto made = producers(view.ledger, subject.digest);
    if (!made) return pass(made);
    // Who made it first: others can say later that they made the same, and take back what is not
    // theirs.
    const auto first = std::min_element(
        made->begin(), made->end(), [](const auto& a, const auto& b) { return a.index < b.index; });
    const auto note = first == made->end() ? Result<RecordNote>(RecordNote())
                                           : record_note(view.ledger, first->index);
    if (!note) return pass(note);
    if (first == made->end() || note->org != record.actor.org) {
      return fail(Kind::forbidden, "sequencer.withdrawal",
                  fmt::format("'{}' did not make {} and cannot withdraw it.", record.actor.org,
                              short_hex(subject.digest)),
                  "Withdraw what your own site registered: `cloister site withdraw STUDY`.");
    }
  }
  return {};
}

Result<std::vector<Prediction>> check_batch(const Record& record,
                                            const std::vector<Bytes>& entries) {
  std::vector<Prediction> predictions;
  const Json* batch =
      record.kind == RecordKind::prediction_batch ? record.details.find("batch") : nullptr;
  if (batch == nullptr) {
    if (!entries.empty()) return bad_batch("Entries came with a record that names no batch.");
    return predictions;
  }
  const auto root = digest_at(*batch, "root");
  const auto size = count_at(*batch, "size");
  if (!root || !size || *size == 0 || *size > batch_predictions_max) {
    return bad_batch("The batch's root and size cannot be read.");
  }
  const bool is_subject = std::any_of(record.subjects.begin(), record.subjects.end(),
                                      [&](const Subject& one) { return one.digest == *root; });
  if (!is_subject) return bad_batch("The batch's root is no subject of its record.");
  const auto own = inline_entries(record);
  if (!own) return bad_batch("The predictions in the record cannot be read.");
  if (!own->empty() && !entries.empty() && *own != entries) {
    return bad_batch("The entries beside the record differ from those in it.");
  }
  for (const Bytes& entry : own->empty() ? entries : *own) {
    const auto prediction = parse_prediction(entry);
    if (!prediction) return bad_batch("An entry of the batch is no prediction.");
    const bool is_input =
        std::any_of(record.inputs.begin(), record.inputs.end(),
                    [&](const auto& in) { return in.digest == prediction->model; });
    if (!is_input) return bad_batch("A prediction names a model that the batch did not use.");
    predictions.push_back(*prediction);
  }
  if (predictions.size() != *size || batch_head(predictions).root != *root) {
    return bad_batch("The entries of the batch do not give its root.");
  }
  return predictions;
}

}  // namespace cloister::provenance
