// What the states of both cores (a site's agent, the trainer) have in common: the line to the
// coordinator, what was asked over it and awaits an answer, and the actions of the step under way.
// Each core derives its own state from it and works on that in steps:
//
//   hear()     the event, as far as it is about the line
//   the role   what the event and the coordinator's work mean for it: add, ask, draft, notice, ...
//   settle()   sends what waits, and hands everything out
//
// Actions leave in the order in which they were added. No input, output, clock or randomness.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "member/actions.h"
#include "member/link.h"
#include "member/own_keys.h"
#include "member/withdrawals.h"
#include "provenance/json.h"

namespace cloister::member {

// A record that was to close a job: drafted under product_name(), refused by the ledger.
struct RefusedProduct {
  JobId job;
  Error error;
};

class CoreState {
 public:
  // May refer to the state: whatever waits for an answer is forgotten with it.
  using Then = std::function<void(const Result<protocol::Reply>&, Instant)>;

  // `key` must outlive this.
  CoreState(LinkOptions options, const crypto::SecretKey& key, const Stored& stored);
  CoreState(const CoreState&) = delete;
  CoreState& operator=(const CoreState&) = delete;

  Link link;
  OwnKeys own_keys;
  Actions out;

  // Begins a step: takes in what the event says about the line, and goes on with what waited for
  // it. Hands out a refused product, which is the role's to deal with; people have been told of it.
  [[nodiscard]] std::optional<RefusedProduct> hear(const Event& event, Instant now);
  // Ends it. `is_busy`: something runs here or is on its way.
  [[nodiscard]] Actions settle(bool is_busy, Instant now);

  void add(Actions more);
  // `then` is called once, with the answer or with why there is none.
  void ask(protocol::Request request, Then then);
  // The same for somebody who waits: where the coordinator is out of reach, they hear that instead.
  void ask_for_person(protocol::Request request, Then then);
  // Drafts a record; false (and a notice) if it is no whole record.
  bool draft(const std::string& name, provenance::Record record, Instant now);
  void persist(const std::string& key, const provenance::Json& value);
  void forget(const std::string& key);
  // `job`: that it is about.
  void notice(NoticeLevel level, std::string_view code, std::string text, const JobId& job = {});
  void tell(std::uint64_t question, Result<std::string> json);

  // In the coordinator's list; null: not in it, or not any more.
  [[nodiscard]] const protocol::JobView* find_job(const JobId& id) const;
  // Progress of a blob on its way, for the next Poll. `leaves`: out of this machine.
  void show_transfer(const TransferProgressed& event, bool leaves);
  // This attempt is over: people are told, and the ledger (ended_record()) if the study is known.
  void end_attempt(const protocol::JobView& job, const Error& error, Instant now);
  // Whether the ledger is still being told of an end.
  [[nodiscard]] bool is_ending(const JobId& job) const;

  // Signs, once for each withdrawal in the study's records, that nothing named by it is used here
  // any more, as soon as the coordinator's list has no open job that reads it. Before each,
  // `let_go` drops what the role itself still holds.
  void confirm_withdrawals(const protocol::StudyView& view, Instant now,
                           const std::function<void(const Withdrawals&)>& let_go);

 private:
  void ask(Ask asking, Then then);

  std::map<std::uint64_t, Then> asked_;            // by tag
  std::map<StudyId, std::uint64_t> gone_through_;  // Link::news(study) up to which it was
};

}  // namespace cloister::member
