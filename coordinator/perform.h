// Performs the core's actions on the real ledger, stores and sockets, and feeds back what came of
// them. The only place where the core meets the world.
//
// Order: records get their places before anything that came after them is looked at. Submits that
// arrive one after another wait for the next wake-up, so that all their envelopes are opened at
// once, on two cores; they are judged one by one, and before any other request, arrival or tick is
// handled. What was placed since the last write began shares the next one (group commit). While a
// group is written the next one is judged on top of it, and so the core knows of records that are
// not yet durable: whatever it answers or erases meanwhile waits until all that was placed before
// it is. A failed write ends the process; then none of that ever happened.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "coordinator/blob_desk.h"
#include "coordinator/core/coordinator.h"
#include "coordinator/fold_store.h"
#include "coordinator/heads.h"
#include "coordinator/ledger.h"
#include "coordinator/registry.h"

namespace cloister::coordinator {

// How answers leave; the daemon hands in its endpoints, tests a map.
struct Answering {
  std::function<void(Token, const protocol::Reply&, BytesView)> reply;
  // Call Performer::woken() in the next wake-up, after whatever has arrived by then.
  std::function<void()> want_wake_up;
  // Run this, perhaps on a thread of its own, and call Performer::written() in a later wake-up.
  std::function<void(std::function<void()>)> write_beside;
  // The ledger could not be written: the process must end.
  std::function<void(const Error&)> broken;
  // Words were erased: the core still remembers them, so all of it must begin again from the store.
  std::function<void()> begin_again = {};
};

// References must outlive the performer.
struct Stores {
  Ledger& ledger;
  BlobDesk& blobs;
  Registry& registry;
  storage::Store& store;  // for what is kept beside the ledger
  std::uint64_t fold_every = keep_fold_every;
};

class Performer {
 public:
  Performer(Coordinator& core, Stores stores, Answering answering);

  // `payload`: of a BlobChunk, valid during the call. `core_now` never goes back; `wall` is for
  // records.
  struct Times {
    Instant core_now;
    Instant wall;
  };
  void handle(const Event& event, Times times, BytesView payload = {});
  // Judges what arrived, and begins to write it.
  void woken(Times times);
  void written(Times times);
  // At start: gives the core everything the ledger holds, from the kept fold as far as that goes. A
  // new ledger gets these first records, which are durable when this returns.
  [[nodiscard]] Result<void> restore(const std::vector<Bytes>& genesis, Times times);

  // At a clean end, when nothing runs beside any more: what was placed becomes durable, and the
  // next start has nothing to replay.
  [[nodiscard]] Result<void> finish(Times times);

  void perform(const Reply& action);
  void perform(const AnswerPoll& action);
  void perform(const Admit& action);
  void perform(const Append& action);
  void perform(const ReadRecords& action);
  void perform(const ReadSigner& action);
  void perform(const ReadWitnessed& action);
  void perform(const OpenBlob& action);
  void perform(const WriteChunk& action);
  void perform(const ReadBlob& action);
  void perform(const StoreWraps& action);
  void perform(const ReadWraps& action);
  void perform(const EraseWraps& action);
  void perform(const KeepCosignature& action);
  void perform(const KeepEnrolments& action);
  void perform(const BindMember& action);
  void perform(const RevokeMember& action);

 private:
  void feed(const Event& event);
  void want_wake_up();
  void judge_arrived();
  struct Arrived {
    Token token;
    MemberId member;
    std::size_t envelopes;
  };
  void judge(const Arrived& arrived, std::span<const provenance::Submission> group);
  [[nodiscard]] Result<std::string> witnessed(const ReadWitnessed& question) const;
  [[nodiscard]] Result<void> replay();
  void write_next();
  [[nodiscard]] Result<void> adopt_written();
  [[nodiscard]] Result<void> keep_fold_if_due();
  [[nodiscard]] Result<void> keep_fold();
  [[nodiscard]] bool is_all_durable() const;
  void when_durable(std::function<void()> act);
  void release();
  void answer_poll(const AnswerPoll& action);
  void answer(Token token, const protocol::Reply& reply, BytesView payload = {});
  void send(Token token, const protocol::Reply& reply, BytesView payload = {});
  void refuse(Token token, const Error& error);
  void placed(Result<Ledger::Outcome> outcome);
  void fail_for_good(const Error& error);
  [[nodiscard]] Ledger::Rule rule() const;

  Coordinator& core_;
  Stores stores_;
  Answering answering_;
  Heads heads_;
  FoldStore folds_;
  Times times_;
  BytesView payload_;
  std::vector<Arrived> arrived_;  // Submits that were not judged yet
  std::vector<Bytes> envelopes_;  // of those, one after another
  struct Held {
    std::uint64_t size;  // of the durable ledger, or larger
    std::function<void()> act;
  };
  std::deque<Held> held_;  // sizes ascend
  std::optional<Result<Ledger::Written>> written_;
  bool is_writing_ = false;
  bool wants_wake_up_ = false;
  bool is_broken_ = false;  // something was not made durable: nothing is answered any more
};

// Where enrolments are kept in the store, beside the ledger's keys.
[[nodiscard]] Bytes enrolments_key();

}  // namespace cloister::coordinator
