#include "member/link.h"

#include <algorithm>

#include "protocol/limits.h"
#include "provenance/json.h"

namespace cloister::member {
namespace {

const std::string membership_key = "membership";
// While something runs here, people want to see its progress: polls come back sooner.
constexpr Duration busy_wait{2'000};
// After a refusal or a lost line, before asking again.
constexpr Duration pause{5'000};

provenance::Role record_role(protocol::Role role) {
  if (role == protocol::Role::root) return provenance::Role::consortium_admin;
  return provenance::role_from_name(protocol::to_string(role)).value_or(provenance::Role::auditor);
}

provenance::Actor actor_of(const LinkOptions& options) {
  const std::string org = !options.org.empty() ? options.org : options.site;
  return {options.self, record_role(options.role), org.empty() ? "consortium" : org, {}};
}

Bytes to_stored(const std::vector<Bytes>& envelopes) {
  provenance::Json list = provenance::Json::array();
  for (const Bytes& envelope : envelopes) list.push(as_text(envelope));
  return to_bytes(provenance::to_jcs(list));
}

std::vector<Bytes> restored(const LinkOptions& options, const Stored& stored) {
  std::vector<Bytes> envelopes = options.membership;
  const auto found = stored.find(membership_key);
  if (found == stored.end()) return envelopes;
  const auto json = provenance::parse_json(as_text(found->second), {.bytes_max = 64U << 20});
  if (!json || json->items() == nullptr) return envelopes;
  for (const auto& item : *json->items()) {
    if (item.text() == nullptr) continue;
    Bytes envelope = to_bytes(*item.text());
    if (std::find(envelopes.begin(), envelopes.end(), envelope) == envelopes.end()) {
      envelopes.push_back(std::move(envelope));
    }
  }
  return envelopes;
}

void add(Actions& to, Actions more) {
  to.insert(to.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

}  // namespace

Link::Link(LinkOptions options, const crypto::SecretKey& key, const Stored& stored)
    : options_(std::move(options)),
      records_(actor_of(options_), key, stored),
      watch_(options_.self.text(), key, stored),
      envelopes_(restored(options_, stored)) {
  read_membership();
}

Heard Link::on(const Event& event, Instant now) {
  Heard heard;
  if (const auto* answered = std::get_if<Answered>(&event)) {
    last_heard_ = now;
    const auto* refused = std::get_if<protocol::Refused>(&answered->reply);
    on_answer(answered->tag,
              refused != nullptr ? Result<protocol::Reply>(tl::unexpected(refused->error))
                                 : Result<protocol::Reply>(answered->reply),
              heard, now);
  } else if (const auto* lost = std::get_if<Unanswered>(&event)) {
    on_answer(lost->tag, tl::unexpected(lost->error), heard, now);
  } else if (const auto* failed = std::get_if<LineFailed>(&event)) {
    note_problem(failed->error, heard, now);
  } else if (std::holds_alternative<LineOpened>(event)) {
    problem_.reset();
  }
  return heard;
}

void Link::on_answer(std::uint64_t tag, Result<protocol::Reply> reply, Heard& heard, Instant now) {
  if (poll_tag_ == tag) {
    poll_tag_.reset();
    on_poll(reply, heard, now);
  } else if (record_tag_ == tag) {
    record_tag_.reset();
    on_record(reply, heard, now);
  } else {
    heard.other = Heard::Other{tag, std::move(reply)};
  }
}

void Link::on_poll(const Result<protocol::Reply>& reply, Heard& heard, Instant now) {
  const auto* work = reply ? std::get_if<protocol::Work>(&*reply) : nullptr;
  if (work == nullptr) {
    poll_again_ = now + pause;
    if (!reply) note_problem(reply.error(), heard, now);
    return;
  }
  problem_.reset();
  poll_again_ = now;
  on_work(*work, heard, now);
}

// The log hears of each change of trouble, not of every attempt.
void Link::note_problem(const Error& error, Heard& heard, Instant now) {
  const bool is_news = !problem_ || problem_->error.code != error.code;
  problem_ = LineProblem{error, problem_ ? problem_->since : now};
  if (!is_news) return;
  const bool needs_person = error.kind != Kind::unavailable;
  heard.actions.push_back(Notice{needs_person ? NoticeLevel::warn : NoticeLevel::info,
                                 error.code,
                                 error.what + " " + error.next,
                                 {}});
}

void Link::on_record(const Result<protocol::Reply>& reply, Heard& heard, Instant now) {
  auto outcome = reply ? records_.on_reply(*reply, now)
                       : records_.on_reply(protocol::Reply(protocol::Refused{reply.error()}), now);
  add(heard.actions, std::move(outcome.actions));
  heard.receipted = std::move(outcome.receipted);
  heard.rejected = std::move(outcome.rejected);
  record_again_ = reply ? now : now + pause;
  if (heard.rejected) record_again_ = now;
  if (records_.is_ahead()) {
    add(heard.actions,
        watch_.halt_because("The ledger has other records of this member than this machine "
                            "remembers: it was set back to an older state, or its identity is "
                            "used twice."));
  }
}

void Link::on_work(const protocol::Work& work, Heard& heard, Instant now) {
  if (watch_.halted()) return;
  add(heard.actions, take_membership(work.membership));
  const Member* coordinator = membership_.coordinator();
  if (coordinator == nullptr) {
    poll_again_ = now + pause;
    heard.actions.push_back(Notice{NoticeLevel::warn, "member.no_coordinator",
                                   "No coordinator is bound by the consortium's root key."});
    return;
  }
  add(heard.actions, watch_.on_work(work, coordinator->sign, now));
  if (watch_.halted()) return;
  note_news(work.studies);
  work_ = work;
  take_studies();
  heard.new_work = true;
}

// Known envelopes stay known: a coordinator cannot take a revocation back by leaving it out.
Actions Link::take_membership(const std::vector<Bytes>& envelopes) {
  if (envelopes == last_heard_membership_) return {};
  last_heard_membership_ = envelopes;
  bool changed = false;
  for (const Bytes& envelope : envelopes) {
    if (std::find(envelopes_.begin(), envelopes_.end(), envelope) != envelopes_.end()) continue;
    envelopes_.push_back(envelope);
    changed = true;
  }
  if (!changed) return {};
  read_membership();
  study_sources_.clear();  // a key may have changed: every plan is checked again
  return {Persist{membership_key, to_stored(envelopes_)}};
}

void Link::read_membership() {
  membership_ = Membership::from(options_.root, envelopes_);
  membership_news_ = ++news_;
  const Member* self = membership_.find(options_.self);
  if (self == nullptr) return;
  options_.org = self->org;
  records_.set_actor(actor_of(options_));
}

void Link::note_news(const std::vector<protocol::StudyView>& studies) {
  for (const protocol::StudyView& view : studies) {
    const auto known =
        std::find_if(work_.studies.begin(), work_.studies.end(),
                     [&](const protocol::StudyView& one) { return one.study == view.study; });
    const bool is_same =
        known != work_.studies.end() && known->opened == view.opened && known->more == view.more;
    if (!is_same) study_news_[view.study] = ++news_;
  }
  if (studies.size() < work_.studies.size()) ++news_;  // one is gone
}

std::uint64_t Link::news(const StudyId& study) const {
  const auto found = study_news_.find(study);
  return std::max(membership_news_, found == study_news_.end() ? 0 : found->second);
}

void Link::take_studies() {
  std::map<StudyId, Study> studies;
  std::map<StudyId, Error> refused;
  for (const protocol::StudyView& view : work_.studies) {
    const auto source = study_sources_.find(view.study);
    const auto known = studies_.find(view.study);
    if (source != study_sources_.end() && source->second == view.opened &&
        known != studies_.end()) {
      known->second.phase = view.phase;
      studies.insert(*known);
      continue;
    }
    auto study = verify_study(view, membership_);
    if (study) {
      studies.emplace(view.study, std::move(*study));
      study_sources_[view.study] = view.opened;
    } else {
      refused.emplace(view.study, study.error());
    }
  }
  studies_ = std::move(studies);
  refused_ = std::move(refused);
}

Actions Link::settle(Instant now) {
  Actions actions;
  if (watch_.halted()) return actions;
  // No pause is longer than this: a clock that was set back must not make us silent for hours.
  record_again_ = std::min(record_again_, now + pause);
  poll_again_ = std::min(poll_again_, now + pause);
  if (!record_tag_ && now >= record_again_) {
    Actions asked = records_.ask(next_tag_, now);
    if (!asked.empty()) record_tag_ = next_tag_++;
    add(actions, std::move(asked));
  }
  if (!poll_tag_ && now >= poll_again_) {
    poll_tag_ = next_tag_++;
    actions.push_back(Ask{*poll_tag_, make_poll()});
  }
  return actions;
}

protocol::Poll Link::make_poll() const {
  protocol::Poll poll;
  poll.seen_version = work_.version;
  poll.wait = busy_ ? busy_wait : protocol::limits::poll_wait_max;
  poll.head_size = watch_.head_size();
  if (records_.is_synced()) poll.cosignature = watch_.cosignature();
  for (const auto& [job, progress] : progress_) poll.progress.push_back(progress);
  return poll;
}

Actions Link::forgive() {
  Actions actions = watch_.forgive();
  records_.adopt_counters();
  return actions;
}

Ask Link::ask(protocol::Request request) { return Ask{next_tag_++, std::move(request)}; }

void Link::set_progress(protocol::JobProgress progress) {
  const JobId job = progress.job;
  progress_[job] = std::move(progress);
}

void Link::clear_progress(const JobId& job) { progress_.erase(job); }

const protocol::JobProgress* Link::progress(const JobId& job) const {
  const auto found = progress_.find(job);
  return found == progress_.end() ? nullptr : &found->second;
}

const Study* Link::study(const StudyId& id) const {
  const auto found = studies_.find(id);
  return found == studies_.end() ? nullptr : &found->second;
}

std::optional<Instant> Link::next_deadline() const {
  if (watch_.halted()) return std::nullopt;
  std::optional<Instant> next;
  if (!poll_tag_) next = poll_again_;
  if (!record_tag_ && records_.waiting() > 0) {
    next = next ? std::min(*next, record_again_) : record_again_;
  }
  return next;
}

}  // namespace cloister::member
