#include "provenance/admission.h"

#include "crypto/hash.h"
#include "provenance/erasure.h"
#include "provenance/merkle.h"
#include "provenance/stored.h"

namespace cloister::provenance {
namespace {

// What was wrong with the form of a submission, under the sequencer's own codes.
tl::unexpected<Error> bad_form(const Error& error) {
  const std::string what = fmt::format("The record was refused: {}", error.what);
  if (error.kind == Kind::exhausted)
    return fail(Kind::exhausted, "sequencer.too_large", what, error.next);
  return fail(Kind::invalid, "sequencer.format", what, error.next);
}

Result<void> check_signer(const AdmissionView& view, const Judged& judged) {
  const Record& record = judged.record;
  const KeyState& key = judged.key;
  if (key.revoked_at && view.next_index >= *key.revoked_at) {
    return fail(
        Kind::forbidden, "sequencer.revoked_key",
        fmt::format("The key of '{}' is revoked since record {}.", key.member, *key.revoked_at),
        "Use the member's new key.");
  }
  if (record.actor.id != key.member || record.actor.role != key.role ||
      record.actor.org != key.org) {
    return fail(Kind::forbidden, "sequencer.wrong_actor",
                fmt::format("The record speaks for '{}' ({}, {}), but its key is bound to '{}' "
                            "({}, {}).",
                            record.actor.id, to_string(record.actor.role), record.actor.org,
                            key.member, to_string(key.role), key.org));
  }
  if (!may_write(key.role, record.kind)) {
    return fail(Kind::forbidden, "sequencer.wrong_role",
                fmt::format("The role '{}' may not write '{}'.", to_string(key.role),
                            to_string(record.kind)),
                "Ask somebody whose role it is; docs/architecture.md says who signs what.");
  }
  return {};
}

Result<void> check_order(const AdmissionView& view, const Record& record) {
  const auto place = signer_place(view.ledger, record.actor.id);
  if (!place) return pass(place);
  if (record.signer_seq != place->next_seq || record.prev_by_signer != place->last) {
    return fail(
        Kind::stale, "sequencer.out_of_order",
        fmt::format("The record of '{}' has number {} after {}; {} was expected.", record.actor.id,
                    record.signer_seq, short_hex(record.prev_by_signer), place->next_seq),
        "Fetch the signer's place and sign again.");
  }
  if (view.now != Instant() && record.issued_at > view.now + view.rules.future_max) {
    return fail(Kind::invalid, "sequencer.time",
                "The record says that it was issued in the future.",
                "Set the clock of the machine that signed it.");
  }
  return {};
}

}  // namespace

Result<std::optional<KeyState>> known_key(const LedgerReader& ledger, const LedgerRules& rules,
                                          const Digest& key_id) {
  const auto value = ledger.get(key::signing_key(key_id));
  if (!value) return pass(value);
  if (*value) {
    auto state = parse_key_state(**value);
    if (!state) return pass(state);
    return std::optional<KeyState>(std::move(*state));
  }
  for (const RootKey& root : rules.roots) {
    if (key_digest(root.key) != key_id) continue;
    return std::optional<KeyState>(
        KeyState{root.member, Role::consortium_admin, root.org, root.key, 0, std::nullopt});
  }
  return std::optional<KeyState>();
}

namespace {

bool has_form(const Envelope& envelope) {
  return envelope.signatures.size() == 1 && envelope.payload_type == statement_payload_type;
}

// The hint only finds a key; whether it counts, the signature decides.
Result<std::optional<KeyState>> hinted_key(const AdmissionView& view, const Envelope& envelope) {
  const auto hint = digest_from_hex(envelope.signatures.front().keyid);
  if (!hint) return std::optional<KeyState>();
  return known_key(view.ledger, view.rules, *hint);
}

}  // namespace

Opened open_with(const Envelope& envelope, const crypto::PublicKey& key) {
  Opened opened{key, false, {}, {}, {}, Record()};
  opened.is_signed = is_signed_by(envelope, key);
  if (!opened.is_signed) return opened;
  opened.leaf = leaf_of(envelope, key).value();
  opened.leaf_bytes = to_bytes(opened.leaf);
  opened.leaf_hash = leaf_hash(opened.leaf_bytes);
  opened.record = parse_statement(envelope.payload);
  return opened;
}

Result<OpenedAhead> open_ahead(const AdmissionView& view, const Submission& submission) {
  OpenedAhead ahead{parse_envelope(submission.envelope), std::nullopt};
  if (!ahead.envelope || !has_form(*ahead.envelope)) return ahead;
  const auto key = hinted_key(view, *ahead.envelope);
  if (!key) return pass(key);
  if (*key) ahead.opened = open_with(*ahead.envelope, (*key)->key);
  return ahead;
}

namespace {

tl::unexpected<Error> unknown_key() {
  return fail(Kind::unauthenticated, "sequencer.unknown_key",
              "The record is not signed by a key that is bound in this ledger.",
              "Enrol the signer, or use its bound key.");
}

// The leaf says who signed at this place; that somebody erased the words since must be said by a
// record of its own, which whoever goes through the log waits for.
Result<Judged> open_remains(const AdmissionView& view, const Submission& submission) {
  auto envelope = parse_envelope(submission.envelope);
  if (!envelope) return bad_form(envelope.error());
  const auto leaf = parse_leaf(submission.leaf);
  if (!leaf) return bad_form(leaf.error());
  if (!has_form(*envelope) || envelope->signatures.front().signature != leaf->signature) {
    return fail(Kind::invalid, "sequencer.format",
                "The envelope is not of the record in the leaf.");
  }
  envelope->signatures.front().keyid = crypto::key_id(leaf->public_key);
  auto key = known_key(view.ledger, view.rules, key_digest(leaf->public_key));
  if (!key) return pass(key);
  if (!*key) return unknown_key();
  auto record = parse_statement(envelope->payload);
  if (!record) return bad_form(record.error());
  const Digest hash = leaf_hash(submission.leaf);
  const auto left = remains_of(*record, hash);
  if (!left || *left != *record) {
    return fail(Kind::invalid, "sequencer.erasure",
                "The record is neither what was signed nor its remains.");
  }
  Judged judged;
  judged.envelope = std::move(*envelope);
  judged.record = std::move(*record);
  judged.leaf = *leaf;
  judged.leaf_bytes = submission.leaf;
  judged.leaf_hash = hash;
  judged.key = std::move(**key);
  judged.is_remains = true;
  const auto index = index_of(view.ledger, hash);
  if (!index) return pass(index);
  judged.was_at = *index;
  return judged;
}

}  // namespace

Result<Judged> open_submission(const AdmissionView& view, const Submission& submission) {
  if (!submission.leaf.empty()) return open_remains(view, submission);
  const OpenedAhead* ahead = submission.ahead.get();
  auto envelope = ahead != nullptr ? ahead->envelope : parse_envelope(submission.envelope);
  if (!envelope) return bad_form(envelope.error());
  if (!has_form(*envelope)) {
    return fail(Kind::invalid, "sequencer.format",
                "The envelope carries no single signature over an in-toto statement.");
  }
  // The key of this moment: a record in between may have bound or revoked it.
  const auto key = hinted_key(view, *envelope);
  if (!key) return pass(key);
  if (!*key) return unknown_key();
  const bool is_open = ahead != nullptr && ahead->opened && ahead->opened->key == (*key)->key;
  Opened opened = is_open ? *ahead->opened : open_with(*envelope, (*key)->key);
  if (!opened.is_signed) return unknown_key();
  Judged judged;
  judged.envelope = std::move(*envelope);
  judged.key = **key;
  judged.leaf = opened.leaf;
  judged.leaf_bytes = std::move(opened.leaf_bytes);
  judged.leaf_hash = opened.leaf_hash;
  const auto index = index_of(view.ledger, judged.leaf_hash);
  if (!index) return pass(index);
  judged.was_at = *index;
  if (!opened.record) return bad_form(opened.record.error());
  judged.record = std::move(*opened.record);
  return judged;
}

Result<Judged> judge(const AdmissionView& view, const Submission& submission) {
  auto judged = open_submission(view, submission);
  if (!judged || judged->was_at) return judged;
  if (auto good = check_signer(view, *judged); !good) return pass(good);
  if (auto good = check_order(view, judged->record); !good) return pass(good);
  for (auto check : {check_references, check_approvals, check_permit, check_gate,
                     check_model_release, check_key_record, check_withdrawal}) {
    if (auto good = check(view, judged->record); !good) return pass(good);
  }
  auto erases = check_erasure(view, judged->record);
  if (!erases) return pass(erases);
  judged->erases = std::move(*erases);
  auto predictions = check_batch(judged->record, submission.entries);
  if (!predictions) return pass(predictions);
  judged->predictions = std::move(*predictions);
  return judged;
}

}  // namespace cloister::provenance
