// Records on their way into the ledger: durable before they are sent, sent until receipted, each
// once, in the order in which they were drafted.
//
//   state       event                          next        actions
//   unsynced    ask(), drafted or not          unsynced    Ask FetchSigner
//   unsynced    SignerState as remembered      ready
//   unsynced    SignerState, otherwise         ahead       nothing is signed until adopt_counters()
//   ready       ask(), something drafted       in flight   sign head, Persist it, Ask Submit
//   in flight   Receipts                       ready       Persist chain + place, forget the draft
//   in flight   Unanswered                     ready       (the same bytes go out again)
//   in flight   Refused, out of order          unsynced    draft stays; counters are fetched anew
//   in flight   Refused for now                ready       draft stays
//   in flight   Refused, our clock is ahead    ready       draft stays, to be signed again
//   in flight   Refused otherwise              ready       draft dropped; the reason is handed out
//
// Only the head is signed, and its counter and predecessor are those of the last receipted record:
// so a refused record never breaks the chain of those behind it. Every draft has a name (for
// example "approve/<job>"); a name that was receipted once is never sent again, which makes
// drafting idempotent across restarts.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "crypto/sign.h"
#include "member/actions.h"
#include "provenance/record.h"

namespace cloister::member {

using Stored = std::map<std::string, Bytes>;  // every persisted key, as restored

struct Receipted {
  std::string name;
  std::uint64_t index = 0;
  Digest leaf;
};
struct Rejected {
  std::string name;
  Error error;
};

class RecordOutbox {
 public:
  // `key` must outlive this. Keys "record/", "receipt/" and "signer" of `stored` are its own.
  RecordOutbox(provenance::Actor actor, const crypto::SecretKey& key, const Stored& stored);

  // Drafts a record under a name. Nothing happens if the name is waiting or was receipted before.
  // Actor, counters, id and time are filled in here.
  // A name that was refused is not taken again for a minute. "record.*": it is no whole record.
  [[nodiscard]] Result<Actions> draft(const std::string& name, provenance::Record record,
                                      Instant now);
  // Takes back a draft that was not signed yet.
  [[nodiscard]] Actions withdraw(const std::string& name);
  [[nodiscard]] bool knows(const std::string& name) const;  // waiting or receipted
  // Whether any draft whose name starts like this waits for its receipt.
  [[nodiscard]] bool is_waiting(std::string_view prefix) const;
  [[nodiscard]] const Receipted* receipt(const std::string& name) const;

  // The next thing to ask, if nothing is in flight.
  [[nodiscard]] Actions ask(std::uint64_t tag, Instant now);
  struct Outcome {
    Actions actions;
    std::optional<Receipted> receipted;
    std::optional<Rejected> rejected;
  };
  [[nodiscard]] Outcome on_reply(const protocol::Reply& reply, Instant now);
  void on_unanswered();

  // The ledger knows records of this signer that are not remembered here (or the reverse): the
  // machine was set back, or the identity is used twice. A person decides.
  [[nodiscard]] bool is_ahead() const { return ahead_; }
  // The ledger's counters were compared with ours since the start.
  [[nodiscard]] bool is_synced() const { return synced_; }
  void adopt_counters();
  void set_actor(provenance::Actor actor) { actor_ = std::move(actor); }

  [[nodiscard]] bool is_idle() const { return drafts_.empty() && !in_flight_; }
  [[nodiscard]] std::size_t waiting() const { return drafts_.size(); }
  [[nodiscard]] std::uint64_t last_seq() const { return last_seq_; }

 private:
  struct Draft {
    std::uint64_t number = 0;
    std::string name;
    provenance::Record record;
    Bytes envelope;  // once signed
  };
  void restore(const Stored& stored);
  void restore_draft(std::uint64_t number, const provenance::Json& json);
  [[nodiscard]] Persist stored_draft(const Draft& draft) const;
  [[nodiscard]] Persist stored_signer() const;
  [[nodiscard]] Digest leaf_of(const Draft& draft) const;
  [[nodiscard]] provenance::Actor actor_for(const provenance::Record& record) const;
  void sign_head(Instant now);
  [[nodiscard]] Outcome on_signer(const protocol::SignerState& state);
  [[nodiscard]] Outcome on_receipts(const protocol::Receipts& receipts);
  [[nodiscard]] Outcome on_refused(const Error& error, Instant now);

  provenance::Actor actor_;
  const crypto::SecretKey& key_;
  bool synced_ = false;
  bool in_flight_ = false;
  bool ahead_ = false;
  bool adopt_ = false;  // take the ledger's word once
  std::uint64_t last_seq_ = 0;
  Digest last_leaf_;
  std::uint64_t next_number_ = 1;
  std::deque<Draft> drafts_;
  std::map<std::string, Receipted> receipts_;
  std::map<std::string, Instant> paused_;
};

}  // namespace cloister::member
