#include "coordinator/perform.h"

#include "base/ensure.h"
#include "base/log.h"
#include "coordinator/core/access.h"
#include "provenance/json.h"

namespace cloister::coordinator {
namespace {

using provenance::Json;

Json hashes_json(const std::vector<Digest>& hashes) {
  Json list = Json::array();
  for (const Digest& hash : hashes) list.push(hash);
  return list;
}

// Records in memory at once while the core is fed at start.
constexpr std::size_t replay_portion = 256;

// Envelopes of Submits that wait to be opened together: enough for two cores, little to hold.
constexpr std::size_t arrived_max = 64;

bool is_submit(const Event& event) {
  const auto* arrived = std::get_if<RequestArrived>(&event);
  return arrived != nullptr && std::holds_alternative<protocol::Submit>(arrived->request);
}

// One line a record about a job: who said what of it, and where in the ledger. A member cannot make
// more lines than it makes records.
void tell(const Placed& placed) {
  const provenance::Record& record = placed.record;
  if (record.job.empty()) return;
  log_info("record", {{"job", record.job.text()},
                      {"kind", std::string(provenance::to_string(record.kind))},
                      {"index", std::to_string(placed.index)},
                      {"signer", record.actor.id.text()}});
}

}  // namespace

Bytes enrolments_key() { return to_bytes("Xenrolments"); }

Performer::Performer(Coordinator& core, Stores stores, Answering answering)
    : core_(core), stores_(stores), answering_(std::move(answering)), folds_(stores.store) {}

void Performer::handle(const Event& event, Times times, BytesView payload) {
  times_ = times;
  if (!is_submit(event)) judge_arrived();
  payload_ = payload;
  feed(event);
  payload_ = {};
}

void Performer::feed(const Event& event) {
  for (const Action& action : core_.on(event, times_.core_now))
    std::visit([this](const auto& one) { perform(one); }, action);
}

void Performer::woken(Times times) {
  times_ = times;
  wants_wake_up_ = false;
  judge_arrived();
  write_next();
}

void Performer::want_wake_up() {
  if (wants_wake_up_) return;
  wants_wake_up_ = true;
  answering_.want_wake_up();
}

void Performer::write_next() {
  if (is_broken_ || is_writing_ || !stores_.ledger.has_staged()) return;
  stores_.ledger.seal();
  is_writing_ = true;
  answering_.write_beside([this] { written_ = stores_.ledger.write_sealed(); });
}

void Performer::written(Times times) {
  times_ = times;
  if (is_broken_) return;
  if (auto ok = adopt_written(); !ok) return fail_for_good(ok.error());
  if (auto ok = keep_fold_if_due(); !ok) return fail_for_good(ok.error());
  feed(LedgerSynced{stores_.ledger.size()});
  if (stores_.ledger.has_erased() && answering_.begin_again) answering_.begin_again();
  write_next();
}

Result<void> Performer::adopt_written() {
  ensure(written_.has_value(), "a group that was begun has been written");
  const auto written = std::move(*written_);
  written_.reset();
  is_writing_ = false;
  if (!written) return pass(written);
  stores_.ledger.adopt(*written);
  release();
  return {};
}

void Performer::release() {
  while (!is_broken_ && !held_.empty() && held_.front().size <= stores_.ledger.size()) {
    const auto act = std::move(held_.front().act);
    held_.pop_front();
    act();
  }
}

// Under load there is always a next group that was folded and is not durable: it is written first.
Result<void> Performer::keep_fold_if_due() {
  if (stores_.ledger.size() - folds_.size() < stores_.fold_every) return {};
  if (auto ok = stores_.ledger.commit(); !ok) return ok;
  release();
  return keep_fold();
}

// Only when what was folded is what is durable.
Result<void> Performer::keep_fold() {
  if (stores_.ledger.has_erased()) return {};  // the core still remembers the words
  if (core_.ledger_size() != stores_.ledger.size()) return {};
  if (auto ok = folds_.keep(stores_.ledger, core_.changed_parts()); !ok) return ok;
  core_.parts_kept();
  return {};
}

Result<void> Performer::finish(Times times) {
  times_ = times;
  judge_arrived();
  if (is_broken_) return {};
  if (is_writing_) {
    if (auto ok = adopt_written(); !ok) return ok;
  }
  if (auto ok = stores_.ledger.commit(); !ok) return ok;
  return stores_.ledger.size() > folds_.size() ? keep_fold() : Result<void>();
}

Result<void> Performer::restore(const std::vector<Bytes>& genesis, Times times) {
  times_ = times;
  if (stores_.ledger.size() > 0) return replay();
  auto outcome = stores_.ledger.place(genesis, rule(), times.wall);
  if (!outcome) return pass(outcome);
  placed(std::move(outcome));
  if (auto ok = stores_.ledger.commit(); !ok) return ok;
  feed(LedgerSynced{stores_.ledger.size()});
  return {};
}

Result<void> Performer::replay() {
  auto kept = folds_.load(stores_.ledger);
  if (!kept) return pass(kept);
  if (*kept) {
    for (const Action& action : core_.resume(std::move((*kept)->fold), (*kept)->size))
      std::visit([this](const auto& one) { perform(one); }, action);
  }
  RecordsPlaced portion;
  auto replayed = stores_.ledger.replay(folds_.size(), [&](Placed record) -> Result<void> {
    portion.records.push_back(std::move(record));
    if (portion.records.size() < replay_portion) return {};
    feed(portion);
    portion.records.clear();
    return {};
  });
  if (!replayed) return replayed;
  feed(portion);
  if (auto ok = keep_fold_if_due(); !ok) return ok;
  feed(LedgerSynced{stores_.ledger.size()});
  return {};
}

void Performer::fail_for_good(const Error& error) {
  is_broken_ = true;
  answering_.broken(error);
}

bool Performer::is_all_durable() const { return stores_.ledger.placed() == stores_.ledger.size(); }

void Performer::when_durable(std::function<void()> act) {
  if (is_all_durable()) return act();
  held_.push_back({stores_.ledger.placed(), std::move(act)});
}

void Performer::answer(Token token, const protocol::Reply& reply, BytesView payload) {
  if (is_all_durable()) return send(token, reply, payload);
  when_durable([this, token, reply, bytes = Bytes(payload.begin(), payload.end())] {
    send(token, reply, bytes);
  });
}

void Performer::send(Token token, const protocol::Reply& reply, BytesView payload) {
  if (!is_broken_) answering_.reply(token, reply, payload);
}

void Performer::refuse(Token token, const Error& error) {
  // A page that only this request read: whoever asked cannot mend it, the operator can.
  if (error.code == "store.corrupt" || error.code == "ledger.damaged") {
    log_error(error.code, {{"what", error.what}, {"next", error.next}});
  }
  answer(token, protocol::Refused{error});
}

Ledger::Rule Performer::rule() const {
  return [this](const provenance::Record& record) { return core_.check(record); };
}

void Performer::placed(Result<Ledger::Outcome> outcome) {
  if (!is_writing_ && stores_.ledger.has_staged()) want_wake_up();
  if (!outcome || outcome->placed.empty()) return;
  for (const Placed& one : outcome->placed) tell(one);
  feed(RecordsPlaced{std::move(outcome->placed)});
}

void Performer::perform(const Reply& action) { answer(action.token, action.reply); }

void Performer::perform(const AnswerPoll& action) {
  when_durable([this, action] { answer_poll(action); });
}

// With the proofs of the moment when it leaves.
void Performer::answer_poll(const AnswerPoll& action) {
  protocol::Work work = action.work;
  const Member* member = core_.membership().find(action.member);
  if (member == nullptr) {
    const Error error{Kind::unauthenticated, "member.unknown", "No member.", ""};
    return send(action.token, protocol::Refused{error});
  }
  auto proof = stores_.ledger.consistency(action.head_size);
  if (!proof) return send(action.token, protocol::Refused{proof.error()});
  work.consistency = std::move(*proof);
  work.checkpoint = to_bytes(provenance::to_text(stores_.ledger.checkpoint()));
  work.peer_heads = heads_.of_others(*member);
  send(action.token, work);
}

void Performer::perform(const Admit& action) {
  arrived_.push_back({action.token, action.member, action.envelopes.size()});
  envelopes_.insert(envelopes_.end(), action.envelopes.begin(), action.envelopes.end());
  if (envelopes_.size() < arrived_max) return want_wake_up();
  judge_arrived();
}

void Performer::judge_arrived() {
  if (is_broken_ || arrived_.empty()) return;
  const auto arrived = std::exchange(arrived_, {});
  const auto opened = stores_.ledger.open_ahead(std::exchange(envelopes_, {}));
  std::size_t at = 0;
  for (const Arrived& one : arrived) {
    judge(one, std::span(opened).subspan(at, one.envelopes));
    at += one.envelopes;
  }
}

void Performer::judge(const Arrived& arrived, std::span<const provenance::Submission> group) {
  const Token token = arrived.token;
  // One that was judged since it arrived may have revoked its sender.
  const auto allowed = may_ask(core_.membership().find(arrived.member), protocol::Submit{});
  if (!allowed) return refuse(token, allowed.error());
  auto outcome = stores_.ledger.place(group, rule(), times_.wall);
  if (!outcome) {
    log_debug("submit refused", {{"code", outcome.error().code}});
    return refuse(token, outcome.error());
  }
  const auto receipts = outcome->receipts;
  placed(std::move(outcome));
  when_durable([this, token, receipts] {
    const Bytes note = to_bytes(provenance::to_text(stores_.ledger.checkpoint()));
    send(token, protocol::Receipts{receipts, note});
  });
}

void Performer::perform(const Append& action) {
  auto outcome = stores_.ledger.place_own(action.draft.record, rule(), times_.wall);
  if (outcome) return placed(std::move(outcome));
  log_warn("own record refused", {{"job", action.draft.record.job.text()},
                                  {"draft", action.draft.key},
                                  {"code", outcome.error().code},
                                  {"what", outcome.error().what}});
  feed(AppendRefused{action.draft.key, outcome.error()});
}

void Performer::perform(const ReadRecords& action) {
  auto entries = stores_.ledger.read(action.range, [&](const provenance::Record& record) {
    return core_.may_read(action.member, record);
  });
  if (!entries) return refuse(action.token, entries.error());
  const auto note = heads_.cosigned(stores_.ledger.checkpoint());
  answer(action.token, protocol::Records{std::move(*entries), to_bytes(provenance::to_text(note))});
}

void Performer::perform(const ReadSigner& action) {
  auto state = stores_.ledger.signer(action.member);
  if (!state) return refuse(action.token, state.error());
  answer(action.token, *state);
}

// Proofs for whoever asked to check, in the words of docs/protocol.md.
Result<std::string> Performer::witnessed(const ReadWitnessed& question) const {
  Json json;
  json.set("what", "witnessed").set("record", question.record);
  const auto index = stores_.ledger.place_of(question.record);
  if (!index) return pass(index);
  Json heads = Json::array();
  if (*index && **index < question.size && question.size <= stores_.ledger.size()) {
    const auto inclusion = stores_.ledger.inclusion(**index, question.size);
    if (!inclusion) return pass(inclusion);
    json.set("index", **index).set("inclusion", hashes_json(*inclusion));
    for (const provenance::Note& note : heads_.of_sites(question.size)) {
      const auto checkpoint = provenance::parse_checkpoint(note.text);
      if (!checkpoint) return pass(checkpoint);
      const auto proof = stores_.ledger.consistency(question.size, checkpoint->head.size);
      if (!proof) return pass(proof);
      Json head;
      head.set("checkpoint", provenance::to_text(note)).set("consistency", hashes_json(*proof));
      heads.push(std::move(head));
    }
  }
  return provenance::to_jcs(json.set("heads", std::move(heads)));
}

void Performer::perform(const ReadWitnessed& action) {
  auto json = witnessed(action);
  if (!json) return refuse(action.token, json.error());
  answer(action.token, protocol::Told{std::move(*json)});
}

void Performer::perform(const OpenBlob& action) {
  auto state = stores_.blobs.open_blob(action.owner, action.open);
  if (!state) return refuse(action.token, state.error());
  answer(action.token, *state);
  if (state->complete) feed(BlobCompleted{action.open.digest});
}

void Performer::perform(const WriteChunk& action) {
  auto state = stores_.blobs.write_chunk(action.owner, action.chunk, payload_);
  if (!state) return refuse(action.token, state.error());
  answer(action.token, *state);
  if (state->complete) feed(BlobCompleted{action.chunk.digest});
}

void Performer::perform(const ReadBlob& action) {
  const auto read = stores_.blobs.read(action.get);
  if (!read) return refuse(action.token, read.error());
  answer(action.token, read->data, read->bytes);
}

void Performer::perform(const StoreWraps& action) {
  if (auto ok = stores_.blobs.put_wraps(action.put); !ok) return refuse(action.token, ok.error());
  answer(action.token, protocol::Done{});
  WrapsStored stored{action.put.recipient, {}};
  for (const protocol::KeyWrap& wrap : action.put.wraps) stored.blobs.push_back(wrap.shard);
  feed(stored);
}

void Performer::perform(const ReadWraps& action) {
  auto wraps = stores_.blobs.get_wraps(action.reader, action.blobs);
  if (!wraps) return refuse(action.token, wraps.error());
  answer(action.token, *wraps);
}

void Performer::perform(const EraseWraps& action) {
  when_durable([this, blobs = action.blobs] {
    if (auto ok = stores_.blobs.erase_wraps(blobs); !ok) fail_for_good(ok.error());
  });
}

void Performer::perform(const KeepCosignature& action) {
  const Member* member = core_.membership().find(action.member);
  const auto checkpoint = stores_.ledger.checkpoint_at(action.size);
  if (member == nullptr || !checkpoint || !*checkpoint) return;
  if (auto ok = heads_.keep(*member, **checkpoint, action.line); !ok)
    log_warn("cosignature refused", {{"member", member->id.text()}});
}

void Performer::perform(const KeepEnrolments& action) {
  storage::WriteBatch batch;
  batch.put(enrolments_key(), as_bytes(action.json));
  if (auto ok = stores_.store.write(batch, storage::Durability::synced); !ok)
    fail_for_good(ok.error());
}

void Performer::perform(const BindMember& action) {
  const Member* member = core_.membership().find(action.member);
  if (member != nullptr) stores_.registry.bind(*member);
}

void Performer::perform(const RevokeMember& action) { stores_.registry.revoke(action.member); }

}  // namespace cloister::coordinator
