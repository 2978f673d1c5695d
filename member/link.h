// What every member does, whatever its role: poll, watch the ledger, keep membership and studies,
// send records, relay what people signed. The cores of agent and trainer own one and act on what
// `on` hands out.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "crypto/sign.h"
#include "member/actions.h"
#include "member/ledger_watch.h"
#include "member/membership.h"
#include "member/record_outbox.h"
#include "member/study.h"

namespace cloister::member {

struct LinkOptions {
  MemberId self;
  protocol::Role role = protocol::Role::site_agent;
  std::string site;               // empty: none
  std::string org;                // empty: as bound
  std::string root;               // crypto::key_id of the consortium's root key
  std::vector<Bytes> membership;  // envelopes from enrolment
};

// Why the coordinator cannot be reached, or gives no work. `since`: it has not worked from then on.
struct LineProblem {
  Error error;
  Instant since;
};

// What an event meant for the role on top.
struct Heard {
  Actions actions;
  bool new_work = false;               // work() changed
  std::optional<Receipted> receipted;  // one of our own records
  std::optional<Rejected> rejected;
  struct Other {  // answer to `ask`
    std::uint64_t tag = 0;
    Result<protocol::Reply> reply;
  };
  std::optional<Other> other;
};

class Link {
 public:
  // `key` must outlive this.
  Link(LinkOptions options, const crypto::SecretKey& key, const Stored& stored);

  [[nodiscard]] Heard on(const Event& event, Instant now);
  // To be called at the end of every step of the role: polls and sends what waits.
  [[nodiscard]] Actions settle(Instant now);
  // After a fork or a rollback that a person has looked into.
  [[nodiscard]] Actions forgive();
  // Asks the coordinator something of the role's own; answered as Heard::other.
  [[nodiscard]] Ask ask(protocol::Request request);
  // Progress to report with the next Poll (replaces what was set for this job and attempt).
  void set_progress(protocol::JobProgress progress);
  void clear_progress(const JobId& job);
  [[nodiscard]] const protocol::JobProgress* progress(const JobId& job) const;
  // Whether anything is running here: then polls return sooner, so that progress is seen.
  void set_busy(bool busy) { busy_ = busy; }

  [[nodiscard]] RecordOutbox& records() { return records_; }
  [[nodiscard]] const RecordOutbox& records() const { return records_; }
  [[nodiscard]] LedgerWatch& watch() { return watch_; }
  [[nodiscard]] const LedgerWatch& watch() const { return watch_; }
  [[nodiscard]] const Membership& membership() const { return membership_; }
  [[nodiscard]] const protocol::Work& work() const { return work_; }
  // Rises whenever any study's records changed, or the membership that they are read with (a record
  // that could not be opened may be by now). 0: nothing was heard.
  [[nodiscard]] std::uint64_t news() const { return news_; }
  // The same of one study alone.
  [[nodiscard]] std::uint64_t news(const StudyId& study) const;
  [[nodiscard]] const Study* study(const StudyId& id) const;
  [[nodiscard]] const std::map<StudyId, Study>& studies() const { return studies_; }
  [[nodiscard]] const std::map<StudyId, Error>& refused_studies() const { return refused_; }
  [[nodiscard]] const LinkOptions& options() const { return options_; }
  [[nodiscard]] std::optional<Instant> next_deadline() const;
  [[nodiscard]] Instant last_heard() const { return last_heard_; }
  // Gone as soon as the line opens or a poll is answered.
  [[nodiscard]] const std::optional<LineProblem>& problem() const { return problem_; }

 private:
  [[nodiscard]] protocol::Poll make_poll() const;
  void note_problem(const Error& error, Heard& heard, Instant now);
  void on_answer(std::uint64_t tag, Result<protocol::Reply> reply, Heard& heard, Instant now);
  void on_poll(const Result<protocol::Reply>& reply, Heard& heard, Instant now);
  void on_record(const Result<protocol::Reply>& reply, Heard& heard, Instant now);
  void on_work(const protocol::Work& work, Heard& heard, Instant now);
  [[nodiscard]] Actions take_membership(const std::vector<Bytes>& envelopes);
  void read_membership();
  void note_news(const std::vector<protocol::StudyView>& studies);
  void take_studies();

  LinkOptions options_;
  RecordOutbox records_;
  LedgerWatch watch_;
  Membership membership_;
  std::vector<Bytes> envelopes_;  // that membership_ was made from
  std::vector<Bytes> last_heard_membership_;
  protocol::Work work_;
  std::uint64_t news_ = 0;
  std::uint64_t membership_news_ = 0;            // news() when membership_ changed last
  std::map<StudyId, std::uint64_t> study_news_;  // ... and a study's records
  std::map<StudyId, Study> studies_;
  std::map<StudyId, Bytes> study_sources_;  // envelope that each study was read from
  std::map<StudyId, Error> refused_;
  std::map<JobId, protocol::JobProgress> progress_;
  bool busy_ = false;
  std::uint64_t next_tag_ = 1;
  std::optional<std::uint64_t> poll_tag_;
  std::optional<std::uint64_t> record_tag_;
  Instant poll_again_;
  Instant record_again_;
  Instant last_heard_;
  std::optional<LineProblem> problem_;
};

}  // namespace cloister::member
