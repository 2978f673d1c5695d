// Performs the core's actions on the real ledger, stores and sockets, and feeds back what came of
// them. The only place where the core meets the world.
//
// Order: an Append is placed before the next action is looked at; Submits and Appends of one
// wake-up share one commit (group commit), after which they are answered and the core is told.
#pragma once

#include <functional>
#include <map>
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
  // A commit is wanted soon: call Performer::commit() in the next wake-up.
  std::function<void()> want_commit;
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
  void commit(Times times);
  // At start: gives the core everything the ledger holds, from the kept fold as far as that goes. A
  // new ledger gets these first records.
  [[nodiscard]] Result<void> restore(const std::vector<Bytes>& genesis, Times times);

  // At a clean end: what is staged becomes durable, and the next start has nothing to replay.
  [[nodiscard]] Result<void> finish();

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
  [[nodiscard]] Result<std::string> witnessed(const ReadWitnessed& question) const;
  [[nodiscard]] Result<void> replay();
  [[nodiscard]] Result<void> keep_fold();
  void answer(Token token, const protocol::Reply& reply, BytesView payload = {});
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
  struct Waiting {
    Token token;
    std::vector<protocol::Receipt> receipts;
  };
  std::vector<Waiting> waiting_;  // for the commit
  bool wants_commit_ = false;
  bool is_broken_ = false;  // something was not made durable: nothing is answered any more
};

// Where enrolments are kept in the store, beside the ledger's keys.
[[nodiscard]] Bytes enrolments_key();

}  // namespace cloister::coordinator
