// The coordinator as a pure state machine: on(event, now) -> actions.
//
// State is of two sorts. What the ledger says (membership, studies, jobs) is a fold and comes back
// by replay: feed every record as RecordsPlaced, in order, then one LedgerSynced; or resume() from
// what changed_parts() gave at some size, and feed only the records from there on. What it does not
// say (leases, held polls, who was heard) lives in memory and may be lost at any moment; the
// stores' content (blobs, wraps, enrolments) is handed over at construction.
//
//   event            what follows
//   RequestArrived   refused (role, view), answered, held (Poll), or handed to the shell's stores
//   RecordsPlaced    folded; nothing is answered yet
//   LedgerSynced     own next records appended; polls whose member has news are answered
//   BlobCompleted    a transfer may be complete: transfer.received
//   WrapsStored      the same
//   AppendRefused    said in words where it matters; tried again after the next start
//   Ticked           polls past their time answered
//
// Answers may tell of records that are not durable yet: the shell lets them leave when those are.
// One thread. Performs nothing and keeps no reference to anything handed in.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "coordinator/core/actions.h"
#include "coordinator/core/answers.h"
#include "coordinator/core/enrolment.h"
#include "coordinator/core/fold.h"
#include "coordinator/core/leases.h"
#include "coordinator/core/polls.h"
#include "coordinator/core/study.h"
#include "coordinator/core/study_index.h"
#include "coordinator/core/work.h"

namespace cloister::coordinator {

class Coordinator {
 public:
  explicit Coordinator(BlobFacts facts = {}, Enrolment enrolment = {});

  [[nodiscard]] Actions on(const Event& event, Instant now);
  // The rules of studies for a record that is about to get its place.
  [[nodiscard]] Result<void> check(const provenance::Record& record) const;
  // May this member see the record's payload?
  [[nodiscard]] bool may_read(const MemberId& member, const provenance::Record& record) const;
  [[nodiscard]] std::optional<Instant> next_deadline() const { return polls_.next_deadline(); }

  [[nodiscard]] const Membership& membership() const { return membership_; }
  [[nodiscard]] const std::map<StudyId, Study>& studies() const { return studies_; }
  [[nodiscard]] const Leases& leases() const { return leases_; }
  [[nodiscard]] const BlobFacts& facts() const { return facts_; }
  // Drafts that the ledger refused, and why.
  [[nodiscard]] const std::map<std::string, Error>& stuck() const { return stuck_; }
  // Records folded so far, durable or not.
  [[nodiscard]] std::uint64_t ledger_size() const { return ledger_size_; }
  // Those parts of the fold that changed since the last parts_kept(), the study index always.
  [[nodiscard]] std::vector<FoldPart> changed_parts() const;
  void parts_kept();
  // At the start, instead of the first `size` records. The parts that made this fold are kept.
  [[nodiscard]] Actions resume(Fold fold, std::uint64_t size);
  // For tests and simulation: the same records were folded.
  [[nodiscard]] bool has_same_fold(const Coordinator& other) const;
  // Of a member's Work; 0 for strangers.
  [[nodiscard]] std::uint64_t work_version(const MemberId& member) const;
  // Called after every step in tests and simulation.
  void check_invariants() const;

 private:
  struct Handler;  // one function a kind of request: coordinator_requests.cpp

  void on_request(const RequestArrived& arrived, Instant now, Actions& actions);
  void on_enrol(const EnrolArrived& arrived, Instant now, Actions& actions);
  void fold(const Placed& placed, Actions& actions);
  void fold_key(const Placed& placed, Actions& actions);
  void fold_elsewhere(const Placed& placed, const std::string& site);
  void touch(const Study& study, const Placed& placed, const std::string& site);
  void touch_blob(const Digest& blob);
  void point_to(const Study& study, const provenance::Record& record);
  void heard(const Member& member, Instant now, Actions& actions);
  void wake_witnesses(const Member& asker, std::uint64_t size, Actions& actions);
  void plan(Instant now, Actions& actions);
  void append(Draft draft, Actions& actions);
  void answer_due(std::vector<HeldPoll> polls, Actions& actions) const;
  void answer_news(Actions& actions);
  [[nodiscard]] AnswerPoll answer_to(const HeldPoll& poll) const;
  [[nodiscard]] WorkView view() const { return {studies_, membership_, facts_, leases_, index_}; }

  Membership membership_;
  std::map<StudyId, Study> studies_;
  StudyIndex index_;
  std::uint64_t ledger_size_ = 0;
  std::set<StudyId> changed_studies_;  // since their parts were kept
  BlobFacts facts_;
  Enrolment enrolment_;

  Leases leases_;
  Polls polls_;
  std::map<MemberId, Instant> heard_;
  std::map<MemberId, std::uint64_t> bumps_;  // changes of a member's view that no record made
  std::map<MemberId, Instant> audit_reads_;  // last ledger read by each auditor
  std::map<std::string, Error> stuck_;
  std::set<std::string> in_flight_;      // drafts handed out and not yet placed
  std::map<StudyId, PlanScope> scopes_;  // where planning must look again
  std::set<std::string> news_;           // sites whose members may have news; "": of no site
  bool news_for_all_ = false;
};

}  // namespace cloister::coordinator
