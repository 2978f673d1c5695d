#include "member/record_outbox.h"

#include <algorithm>

#include "base/ensure.h"
#include "crypto/hash.h"
#include "provenance/json.h"

namespace cloister::member {
namespace {

using provenance::Json;

const std::string record_prefix = "record/";
const std::string receipt_prefix = "receipt/";
const std::string signer_key = "signer";
// A draft that was refused is not tried again before this: its reason rarely goes away by itself.
constexpr Duration refused_pause{60'000};

std::string draft_key(std::uint64_t number) {
  return fmt::format("{}{:012}", record_prefix, number);
}

// Ids are derived, so that the core needs no randomness and a repeated draft is the same record.
std::string record_id(const MemberId& member, const std::string& name, std::uint64_t number,
                      Instant now) {
  const Digest digest = crypto::sha256(
      as_bytes(fmt::format("{}\n{}\n{}\n{}", member, name, number, now.unix_milliseconds())));
  return uuid_v7(now, std::span<const std::uint8_t, 10>(digest.bytes.data(), 10));
}

Bytes to_stored(const Json& json) { return to_bytes(provenance::to_jcs(json)); }

// Refusals that say nothing about the record itself.
bool is_passing(const Error& error) {
  return error.kind == Kind::unavailable || error.kind == Kind::exhausted ||
         error.kind == Kind::unauthenticated;
}

}  // namespace

RecordOutbox::RecordOutbox(provenance::Actor actor, const crypto::SecretKey& key,
                           const Stored& stored)
    : actor_(std::move(actor)), key_(key) {
  restore(stored);
}

void RecordOutbox::restore(const Stored& stored) {
  for (const auto& [key, value] : stored) {
    const bool ours =
        key == signer_key || key.starts_with(record_prefix) || key.starts_with(receipt_prefix);
    if (!ours) continue;
    const auto json = provenance::parse_json(as_text(value));
    ensure(json.has_value(), "what the outbox stored can be read again");
    if (key == signer_key) {
      last_seq_ = provenance::count_at(*json, "seq").value_or(0);
      last_leaf_ = provenance::digest_at(*json, "leaf").value_or(Digest{});
    } else if (key.starts_with(receipt_prefix)) {
      const std::string name = key.substr(receipt_prefix.size());
      receipts_[name] = {name, provenance::count_at(*json, "index").value_or(0),
                         provenance::digest_at(*json, "leaf").value_or(Digest{})};
    } else {
      restore_draft(std::stoull(key.substr(record_prefix.size())), *json);
    }
  }
}

void RecordOutbox::restore_draft(std::uint64_t number, const Json& json) {
  auto record = provenance::parse_statement(as_bytes(provenance::text_or_empty(json, "record")));
  ensure(record.has_value(), "a stored draft is a record");
  Draft draft{number, provenance::text_or_empty(json, "name"), std::move(*record), {}};
  draft.envelope = to_bytes(provenance::text_or_empty(json, "envelope"));
  drafts_.push_back(std::move(draft));
  next_number_ = std::max(next_number_, number + 1);
}

Persist RecordOutbox::stored_draft(const Draft& draft) const {
  Json json;
  json.set("name", draft.name);
  // A record is only whole with counters; those of the first one stand in until it is signed.
  provenance::Record whole = draft.record;
  whole.signer_seq = 1;
  whole.prev_by_signer = Digest{};
  auto statement = provenance::to_statement(whole);
  ensure(statement.has_value(), "a draft was checked when it was taken");
  json.set("record", as_text(*statement));
  json.set("envelope", as_text(draft.envelope));
  return Persist{draft_key(draft.number), to_stored(json)};
}

Result<Actions> RecordOutbox::draft(const std::string& name, provenance::Record record,
                                    Instant now) {
  if (knows(name)) return Actions{};
  const auto pause = paused_.find(name);
  // Further away than any pause is: the clock was set back meanwhile.
  if (pause != paused_.end() && now < pause->second && pause->second - now <= refused_pause)
    return Actions{};
  record.actor = actor_for(record);
  record.signer_seq = 1;
  record.prev_by_signer = Digest{};
  record.issued_at = now;
  record.record_id = record_id(actor_.id, name, next_number_, now);
  if (auto whole = provenance::to_statement(record); !whole) return pass(whole);
  drafts_.push_back({next_number_++, name, std::move(record), {}});
  return Actions{stored_draft(drafts_.back())};
}

// Ourselves, and the person on whose standing decision we act, if the draft names one.
provenance::Actor RecordOutbox::actor_for(const provenance::Record& record) const {
  provenance::Actor actor = actor_;
  actor.on_behalf_of = record.actor.on_behalf_of;
  return actor;
}

bool RecordOutbox::knows(const std::string& name) const {
  return receipts_.contains(name) ||
         std::any_of(drafts_.begin(), drafts_.end(),
                     [&](const Draft& draft) { return draft.name == name; });
}

bool RecordOutbox::is_waiting(std::string_view prefix) const {
  return std::any_of(drafts_.begin(), drafts_.end(),
                     [&](const Draft& draft) { return draft.name.starts_with(prefix); });
}

const Receipted* RecordOutbox::receipt(const std::string& name) const {
  const auto found = receipts_.find(name);
  return found == receipts_.end() ? nullptr : &found->second;
}

Actions RecordOutbox::ask(std::uint64_t tag, Instant now) {
  // Once after every start the counters are compared, even with nothing to sign: a machine that was
  // set back must find out before it cosigns a head.
  if (in_flight_ || ahead_ || (drafts_.empty() && synced_)) return {};
  in_flight_ = true;
  if (!synced_) return {Ask{tag, protocol::FetchSigner{actor_.id}}};
  Actions actions;
  if (drafts_.front().envelope.empty()) {
    sign_head(now);
    actions.push_back(stored_draft(drafts_.front()));
  }
  actions.push_back(Ask{tag, protocol::Submit{{drafts_.front().envelope}}});
  return actions;
}

void RecordOutbox::sign_head(Instant now) {
  Draft& head = drafts_.front();
  head.record.actor = actor_for(head.record);
  head.record.signer_seq = last_seq_ + 1;
  head.record.prev_by_signer = last_leaf_;
  head.record.issued_at = now;
  const auto envelope = provenance::sign_record(head.record, key_);
  ensure(envelope.has_value(), "a draft was checked when it was taken");
  head.envelope = to_bytes(provenance::to_json(*envelope));
}

RecordOutbox::Outcome RecordOutbox::on_reply(const protocol::Reply& reply, Instant now) {
  in_flight_ = false;
  if (const auto* state = std::get_if<protocol::SignerState>(&reply)) return on_signer(*state);
  if (const auto* receipts = std::get_if<protocol::Receipts>(&reply)) return on_receipts(*receipts);
  if (const auto* refused = std::get_if<protocol::Refused>(&reply)) {
    return on_refused(refused->error, now);
  }
  return {};
}

RecordOutbox::Outcome RecordOutbox::on_signer(const protocol::SignerState& state) {
  Draft* head = drafts_.empty() ? nullptr : &drafts_.front();
  const Digest head_leaf = head != nullptr ? leaf_of(*head) : Digest{};
  const bool head_is_in = head != nullptr && !head_leaf.is_zero() && state.last_leaf == head_leaf;
  const bool as_remembered = state.last_seq == last_seq_ && state.last_leaf == last_leaf_;
  if (!head_is_in && !as_remembered && !adopt_) {
    // Somebody else signed with our key, or this machine was set back to an older state, or the
    // ledger forgot: a person must look before anything is signed.
    ahead_ = true;
    return {};
  }
  synced_ = true;
  adopt_ = false;
  if (head_is_in) return {};  // it goes out once more, and its old place comes back
  last_seq_ = state.last_seq;
  last_leaf_ = state.last_leaf;
  Outcome outcome;
  outcome.actions.push_back(stored_signer());
  if (head != nullptr && !head->envelope.empty() && !as_remembered) {
    head->envelope.clear();
    outcome.actions.push_back(stored_draft(*head));
  }
  return outcome;
}

RecordOutbox::Outcome RecordOutbox::on_receipts(const protocol::Receipts& receipts) {
  Outcome outcome;
  if (receipts.receipts.empty() || drafts_.empty() || drafts_.front().envelope.empty()) {
    return outcome;
  }
  const Draft& head = drafts_.front();
  const Digest leaf = leaf_of(head);
  // A receipt for something else is no receipt: the same bytes go out again.
  if (receipts.receipts.front().leaf_hash != leaf) return outcome;
  auto signed_record = provenance::parse_envelope(as_text(head.envelope));
  auto record = provenance::parse_statement(signed_record.value().payload);
  last_seq_ = record.value().signer_seq;
  last_leaf_ = leaf;
  const Receipted receipted{head.name, receipts.receipts.front().index, leaf};
  receipts_[head.name] = receipted;
  outcome.actions = {stored_signer(),
                     Persist{receipt_prefix + head.name,
                             to_stored(Json().set("index", receipted.index).set("leaf", leaf))},
                     Persist{draft_key(head.number), std::nullopt}};
  outcome.receipted = receipted;
  drafts_.pop_front();
  return outcome;
}

RecordOutbox::Outcome RecordOutbox::on_refused(const Error& error, Instant now) {
  Outcome outcome;
  if (drafts_.empty() || !synced_ || is_passing(error)) return outcome;
  Draft& head = drafts_.front();
  if (error.code == "sequencer.time") {
    // Our clock runs ahead. Nothing is lost by it: the draft is signed again once it is right.
    head.envelope.clear();
    outcome.actions.push_back(stored_draft(head));
    return outcome;
  }
  if (error.code == "sequencer.out_of_order" || error.kind == Kind::stale) {
    synced_ = false;  // counters are fetched anew; whether they are believed is decided then
    return outcome;
  }
  outcome.rejected = Rejected{head.name, error};
  outcome.actions.push_back(Persist{draft_key(head.number), std::nullopt});
  paused_[head.name] = now + refused_pause;
  drafts_.pop_front();
  return outcome;
}

void RecordOutbox::on_unanswered() { in_flight_ = false; }

Actions RecordOutbox::withdraw(const std::string& name) {
  for (auto draft = drafts_.begin(); draft != drafts_.end(); ++draft) {
    if (draft->name != name || !draft->envelope.empty()) continue;
    const std::string key = draft_key(draft->number);
    drafts_.erase(draft);
    return {Persist{key, std::nullopt}};
  }
  return {};
}

void RecordOutbox::adopt_counters() {
  ahead_ = false;
  adopt_ = true;
  synced_ = false;
}

Digest RecordOutbox::leaf_of(const Draft& draft) const {
  if (draft.envelope.empty()) return {};
  const auto envelope = provenance::parse_envelope(as_text(draft.envelope));
  if (!envelope) return {};
  return provenance::record_hash(*envelope, key_.public_key()).value_or(Digest{});
}

Persist RecordOutbox::stored_signer() const {
  return Persist{signer_key, to_stored(Json().set("seq", last_seq_).set("leaf", last_leaf_))};
}

}  // namespace cloister::member
