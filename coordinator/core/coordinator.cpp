#include "coordinator/core/coordinator.h"

#include <algorithm>
#include <array>

#include "base/ensure.h"
#include "coordinator/core/study_rules.h"

namespace cloister::coordinator {
namespace {

using provenance::RecordKind;

// Room below the ledger's index for changes that no record made (leases that ran out).
constexpr unsigned bump_bits = 16;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

bool concerns_everybody(RecordKind kind) {
  constexpr std::array kinds{RecordKind::study_opened,   RecordKind::study_closed,
                             RecordKind::model_produced, RecordKind::model_released,
                             RecordKind::quarantine_set, RecordKind::consent_withdrawn};
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

std::string offer_key(const JobId& job) { return "offer " + job.text(); }

}  // namespace

Coordinator::Coordinator(BlobFacts facts, Enrolment enrolment)
    : facts_(std::move(facts)), enrolment_(std::move(enrolment)) {}

Actions Coordinator::on(const Event& event, Instant now) {
  Actions actions;
  std::visit(Overloaded{
                 [&](const RequestArrived& arrived) { on_request(arrived, now, actions); },
                 [&](const EnrolArrived& arrived) { on_enrol(arrived, now, actions); },
                 [&](const RecordsPlaced& placed) {
                   for (const Placed& record : placed.records) fold(record, actions);
                 },
                 [&](const LedgerSynced& synced) {
                   ledger_size_ = std::max(ledger_size_, synced.size);
                   plan(now, actions);
                   answer_news(actions);
                 },
                 [&](const AppendRefused& refused) {
                   in_flight_.erase(refused.key);
                   stuck_.insert_or_assign(refused.key, refused.error);
                 },
                 [&](const BlobCompleted& completed) {
                   facts_.add_blob(completed.blob);
                   touch_blob(completed.blob);
                   plan(now, actions);
                 },
                 [&](const WrapsStored& stored) {
                   for (const Digest& blob : stored.blobs) {
                     facts_.add_wrap(blob, stored.reader);
                     touch_blob(blob);
                   }
                   plan(now, actions);
                 },
                 [&](const Ticked&) { answer_due(polls_.take_due(now), actions); },
             },
             event);
  return actions;
}

Result<void> Coordinator::check(const provenance::Record& record) const {
  return check_record(record, {studies_, membership_, facts_});
}

bool Coordinator::may_read(const MemberId& member, const provenance::Record& record) const {
  const Member* reader = membership_.find(member);
  return reader != nullptr && reader->is_active() &&
         coordinator::may_read(*reader, record, membership_, studies_);
}

void Coordinator::fold(const Placed& placed, Actions& actions) {
  ledger_size_ = placed.index + 1;
  const provenance::Record& record = placed.record;
  fold_key(placed, actions);
  const Member* signer = membership_.find(record.actor.id);
  const std::string site = signer == nullptr ? std::string{} : signer->site;
  auto study = studies_.find(record.study);
  if (study == studies_.end() && record.kind == RecordKind::study_opened) {
    const provenance::Json* carried = record.details.find("plan");
    const std::string* text = carried == nullptr ? nullptr : carried->text();
    auto plan = carried == nullptr
                    ? fail(Kind::invalid, "study.plan", "No plan.")
                    : protocol::plan_from_json(text ? *text : provenance::to_jcs(*carried));
    if (plan) {
      study = studies_.emplace(record.study, Study(std::move(*plan), placed)).first;
      index_.add(study->second);
    }
  } else if (study != studies_.end()) {
    study->second.apply(placed, site);
  }
  if (study != studies_.end()) {
    point_to(study->second, record);
    touch(study->second, placed, site);
  }
  fold_elsewhere(placed, site);
  if (study != studies_.end()) changed_studies_.insert(study->first);
  if (record.kind == RecordKind::job_submitted) in_flight_.erase(offer_key(record.job));
}

// What is withdrawn may have been used by other studies of the same site too.
void Coordinator::fold_elsewhere(const Placed& placed, const std::string& site) {
  const RecordKind kind = placed.record.kind;
  if (kind != RecordKind::consent_withdrawn && kind != RecordKind::quarantine_set) return;
  for (auto& [id, study] : studies_) {
    if (id == placed.record.study || !study.knows_any_of(placed.record)) continue;
    study.apply(placed, site);
    index_.touched(study);
    touch(study, placed, site);
    changed_studies_.insert(id);
  }
}

std::vector<FoldPart> Coordinator::changed_parts() const {
  std::vector<FoldPart> parts{part_of(membership_), part_of(index_)};
  for (const StudyId& id : changed_studies_) parts.push_back(part_of(studies_.at(id)));
  return parts;
}

void Coordinator::parts_kept() { changed_studies_.clear(); }

Actions Coordinator::resume(Fold fold, std::uint64_t size) {
  membership_ = std::move(fold.membership);
  studies_ = std::move(fold.studies);
  index_ = std::move(fold.index);
  ledger_size_ = size;
  Actions actions;
  for (const auto& [id, member] : membership_.all()) {
    actions.push_back(BindMember{id, member.keys});
    if (!member.is_active()) actions.push_back(RevokeMember{id});
  }
  // As after a replay: whatever was to be written next is looked for everywhere.
  for (const auto& [id, study] : studies_) scopes_.insert_or_assign(id, PlanScope{});
  return actions;
}

bool Coordinator::has_same_fold(const Coordinator& other) const {
  return membership_ == other.membership_ && studies_ == other.studies_ && index_ == other.index_ &&
         ledger_size_ == other.ledger_size_;
}

// Amended plans, new jobs and new shards are found again from their names.
void Coordinator::point_to(const Study& study, const provenance::Record& record) {
  if (record.kind == RecordKind::study_opened) index_.add(study);
  if (record.kind == RecordKind::job_submitted) index_.add_job(record.job, study.id());
  if (record.kind == RecordKind::dataset_encoded) {
    for (const auto& subject : record.subjects) {
      const Dataset* dataset = study.dataset(subject.digest);
      if (dataset == nullptr) continue;
      for (const Shard& shard : dataset->shards) index_.add_shard(shard.digest, study.id());
    }
  }
  index_.touched(study);
}

void Coordinator::fold_key(const Placed& placed, Actions& actions) {
  for (const MemberId& id : membership_.apply(placed)) {
    const Member& member = *membership_.find(id);
    if (member.revoked_at == placed.index) actions.push_back(RevokeMember{id});
    // People and processes of the consortium concern everybody, a site's members their own site.
    news_for_all_ = news_for_all_ || member.site.empty();
    news_.insert(member.site);
    if (!member.is_active()) continue;
    actions.push_back(BindMember{id, member.keys});
    for (const StudyId& study : index_.of(member.site, id))
      scopes_.try_emplace(study, PlanScope{false, false, {}})
          .first->second.sites.insert(member.site);
  }
}

void Coordinator::touch(const Study& study, const Placed& placed, const std::string& site) {
  PlanScope& scope = scopes_.try_emplace(study.id(), PlanScope{false, false, {}}).first->second;
  const Job* job = study.job(placed.record.job);
  if (job != nullptr) {
    scope.sites.insert(job->site);
    news_.insert(job->site);
    if (job->is_closed()) leases_.closed(job->id);
    if (job->is_closed() && job->site.empty()) scope.training = true;
    // An attempt that ended, or that somebody stopped, is not waited for.
    if (placed.record.kind == RecordKind::job_failed ||
        placed.record.kind == RecordKind::job_denied)
      leases_.failed(job->id);
  }
  for (const auto& subject : placed.record.subjects) {
    if (const Dataset* dataset = study.dataset(subject.digest)) scope.sites.insert(dataset->site);
  }
  scope.sites.insert(site);
  news_.insert(site);
  if (placed.record.kind == RecordKind::dataset_admitted) scope.training = true;
  if (concerns_everybody(placed.record.kind)) {
    scope.all = true;
    news_.insert(study.plan().sites.begin(), study.plan().sites.end());
  }
}

void Coordinator::touch_blob(const Digest& blob) {
  const auto study = studies_.find(index_.of_shard(blob));
  if (study == studies_.end()) return;
  const Dataset* dataset = study->second.dataset_of_shard(blob);
  if (dataset == nullptr) return;
  scopes_.try_emplace(study->first, PlanScope{false, false, {}})
      .first->second.sites.insert(dataset->site);
}

void Coordinator::plan(Instant now, Actions& actions) {
  const auto scopes = std::move(scopes_);
  scopes_.clear();
  for (const auto& [id, scope] : scopes) {
    const Study& study = studies_.at(id);
    auto shards = scope.all ? wraps_to_erase(study, facts_) : std::vector<Digest>();
    for (const Digest& shard : shards) facts_.erase_wraps(shard);
    if (!shards.empty()) actions.push_back(EraseWraps{std::move(shards)});
    for (Draft& draft : plan_next({study, membership_, facts_, now}, scope))
      append(std::move(draft), actions);
  }
}

void Coordinator::append(Draft draft, Actions& actions) {
  if (stuck_.contains(draft.key) || !in_flight_.insert(draft.key).second) return;
  actions.push_back(Append{std::move(draft)});
}

std::uint64_t Coordinator::work_version(const MemberId& id) const {
  const Member* member = membership_.find(id);
  if (member == nullptr) return 0;
  const auto bumps = bumps_.find(id);
  const std::uint64_t local = bumps == bumps_.end() ? 0 : bumps->second;
  return (ledger_version(*member, view()) << bump_bits) + (local & ((1U << bump_bits) - 1));
}

AnswerPoll Coordinator::answer_to(const HeldPoll& poll) const {
  AnswerPoll answer{poll.token, poll.member, poll.head_size, {}};
  const Member* member = membership_.find(poll.member);
  if (member != nullptr && member->is_active()) answer.work = work_for(*member, view());
  answer.work.version = work_version(poll.member);
  return answer;
}

void Coordinator::answer_due(std::vector<HeldPoll> polls, Actions& actions) const {
  for (const HeldPoll& poll : polls) actions.push_back(answer_to(poll));
}

void Coordinator::answer_news(Actions& actions) {
  std::vector<MemberId> candidates;
  if (news_for_all_) {
    for (const auto& [id, poll] : polls_.held()) candidates.push_back(id);
  } else {
    news_.insert("");  // people and processes of no site see something of every site
    for (const std::string& site : news_) {
      const auto& waiting = polls_.at_site(site);
      candidates.insert(candidates.end(), waiting.begin(), waiting.end());
    }
  }
  news_.clear();
  news_for_all_ = false;
  for (const MemberId& id : candidates) {
    if (polls_.held().at(id).seen_version != work_version(id))
      actions.push_back(answer_to(*polls_.take(id)));
  }
}

void Coordinator::check_invariants() const {
  for (const auto& [id, study] : studies_) {
    for (const auto& [job_id, job] : study.jobs()) {
      ensure(job.id == job_id && job.study == id, "a job lies under its own name");
      ensure(!(job.needs_permit && job.state == protocol::JobState::done) || job.was_approved,
             "nothing is released without a permit");
    }
    for (const auto& [manifest, dataset] : study.datasets()) {
      ensure(!dataset.admitted || (dataset.received && dataset.release),
             "nothing is admitted without a permit and its bytes");
    }
    for (const Model& model : study.models()) {
      ensure(!model.released || model.approvals.size() >= study.plan().release_approvals,
             "no model is released without the approvals of its plan");
    }
  }
}

}  // namespace cloister::coordinator
