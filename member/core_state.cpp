#include "member/core_state.h"

#include <utility>

#include "member/job_records.h"

namespace cloister::member {
namespace {

std::string failure_prefix(const JobId& job) { return fmt::format("failed/{}/", job); }

}  // namespace

CoreState::CoreState(LinkOptions options, const crypto::SecretKey& key, const Stored& stored)
    : link(std::move(options), key, stored) {}

std::optional<RefusedProduct> CoreState::hear(const Event& event, Instant now) {
  Heard heard = link.on(event, now);
  add(std::move(heard.actions));
  std::optional<RefusedProduct> refused;
  if (heard.rejected) {
    const auto& [name, error] = *heard.rejected;
    const std::optional<JobId> job = job_of_product(name);
    if (job) refused = RefusedProduct{*job, error};
    notice(NoticeLevel::warn, error.code,
           fmt::format("The ledger refused '{}': {} {}", name, error.what, error.next),
           job.value_or(JobId()));
  }
  add(own_keys.heard(heard));
  if (!heard.other) return refused;
  const auto asked = asked_.find(heard.other->tag);
  if (asked == asked_.end()) return refused;
  const Then then = std::move(asked->second);
  asked_.erase(asked);
  then(heard.other->reply, now);
  return refused;
}

Actions CoreState::settle(bool is_busy, Instant now) {
  link.set_busy(is_busy);
  add(link.settle(now));
  return std::exchange(out, {});
}

void CoreState::add(Actions more) {
  out.insert(out.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

void CoreState::ask(protocol::Request request, Then then) {
  ask(link.ask(std::move(request)), std::move(then));
}

void CoreState::ask_for_person(protocol::Request request, Then then) {
  Ask asking = link.ask(std::move(request));
  asking.person_waits = true;
  ask(std::move(asking), std::move(then));
}

void CoreState::ask(Ask asking, Then then) {
  asked_[asking.tag] = std::move(then);
  out.emplace_back(std::move(asking));
}

bool CoreState::draft(const std::string& name, provenance::Record record, Instant now) {
  const JobId about = record.job;
  auto drafted = link.records().draft(name, std::move(record), now);
  if (!drafted) {
    notice(NoticeLevel::warn, drafted.error().code, drafted.error().what, about);
    return false;
  }
  add(std::move(*drafted));
  return true;
}

void CoreState::persist(const std::string& key, const provenance::Json& value) {
  out.push_back(Persist{key, to_bytes(provenance::to_jcs(value))});
}

void CoreState::forget(const std::string& key) { out.push_back(Persist{key, std::nullopt}); }

void CoreState::notice(NoticeLevel level, std::string_view code, std::string text,
                       const JobId& job) {
  out.push_back(Notice{level, std::string(code), std::move(text), job});
}

void CoreState::tell(std::uint64_t question, Result<std::string> json) {
  out.push_back(Tell{question, std::move(json)});
}

const protocol::JobView* CoreState::find_job(const JobId& id) const {
  for (const protocol::JobView& job : link.work().jobs) {
    if (job.id == id) return &job;
  }
  return nullptr;
}

void CoreState::show_transfer(const TransferProgressed& event, bool leaves) {
  const protocol::JobView* job = find_job(event.job);
  if (job == nullptr) return;
  protocol::JobProgress progress;
  progress.job = event.job;
  progress.attempt = job->attempt;
  progress.phase = leaves ? "uploading" : "downloading";
  progress.step = event.bytes;
  progress.steps = event.bytes_whole;
  progress.seconds_left = -1;
  link.set_progress(std::move(progress));
}

void CoreState::end_attempt(const protocol::JobView& job, const Error& error, Instant now) {
  link.clear_progress(job.id);
  notice(NoticeLevel::warn, error.code,
         fmt::format("Job '{}', attempt {}: {} {}", job.id, job.attempt, error.what, error.next),
         job.id);
  const Study* study = link.study(job.study);
  if (study == nullptr) return;
  // Attempts are counted anew after a person's retry: each failure has a number of its own.
  std::uint32_t number = 1;
  const auto name = [&] { return fmt::format("{}{}", failure_prefix(job.id), number); };
  while (link.records().receipt(name()) != nullptr) ++number;
  draft(name(), ended_record(job, *study, error), now);
}

bool CoreState::is_ending(const JobId& job) const {
  return link.records().is_waiting(failure_prefix(job));
}

void CoreState::confirm_withdrawals(const protocol::StudyView& view, Instant now,
                                    const std::function<void(const Withdrawals&)>& let_go) {
  const Study* study = link.study(view.study);
  if (study == nullptr) return;
  std::uint64_t& gone_through = gone_through_[view.study];
  if (gone_through == link.news(view.study)) return;
  const Withdrawals withdrawals = withdrawals_of(view, link.membership());
  // The jobs end with the coordinator's next word; then it is true.
  if (is_still_used(link.work(), view.study, withdrawals)) return;
  gone_through = link.news(view.study);
  for (const auto& [leaf, site] : withdrawals.by) {
    const std::string name = confirmation_name(leaf);
    if (link.records().knows(name)) continue;
    let_go(withdrawals);
    draft(name, confirmation_record(*study, leaf, link.options().self), now);
  }
}

}  // namespace cloister::member
