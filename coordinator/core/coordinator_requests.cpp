// What each request asks for: one function a kind. Role and membership were checked before.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "coordinator/core/answers.h"
#include "coordinator/core/blob_access.h"
#include "coordinator/core/coordinator.h"
#include "protocol/limits.h"

namespace cloister::coordinator {
namespace {

using protocol::Role;

// A reading session of an auditor is recorded once, not message by message.
constexpr Duration audit_session{10 * 60'000};
constexpr std::size_t metrics_bytes_max = 4096;
// Larger counts cannot be written as JSON numbers (provenance/json.h).
constexpr std::uint64_t count_max = 1ULL << 52;

double finite(double value) { return std::isfinite(value) ? value : -1; }

// Progress comes from a peer and is shown to people: nothing in it may be strange.
protocol::JobProgress tamed(protocol::JobProgress progress) {
  progress.phase.resize(std::min<std::size_t>(progress.phase.size(), 100));
  progress.step = std::min(progress.step, count_max);
  progress.steps = std::min(progress.steps, count_max);
  progress.per_second = finite(progress.per_second);
  progress.seconds_left = finite(progress.seconds_left);
  if (progress.metrics_json.size() > metrics_bytes_max) progress.metrics_json.clear();
  return progress;
}

protocol::Reply refused(const Error& error) { return protocol::Refused{error}; }

Draft access_draft(const Member& reader, const protocol::FetchRecords& range) {
  Draft draft;
  draft.record.kind = provenance::RecordKind::access_logged;
  draft.record.stage = "audit";
  draft.record.subjects.push_back({reader.id.text(), reader.key_digest});
  draft.record.details.set("auditor", reader.id.text())
      .set("from", std::min(range.from, count_max));
  draft.key = fmt::format("access {} {}", reader.id, range.from);
  return draft;
}

Draft given_up_draft(const Job& job) {
  Draft draft;
  provenance::Record& record = draft.record;
  record.kind = provenance::RecordKind::job_failed;
  record.study = job.study;
  record.job = job.id;
  record.outcome = provenance::Outcome::fail;
  record.reason =
      fmt::format("no progress in {} attempts while its assignee was there", attempts_max);
  record.subjects.push_back({"spec", job.spec_digest});
  record.inputs.push_back({"spec", "spec", job.spec_digest, std::nullopt});
  record.details.set("attempt", std::uint64_t{attempts_max}).set("code", "job.no_progress");
  record.details.set("what", record.reason).set("kind", "conflict");
  draft.key = fmt::format("give up {} {}", job.id, job.changed);
  return draft;
}

}  // namespace

struct Coordinator::Handler {
  Coordinator& core;
  const RequestArrived& arrived;
  const Member& member;
  Instant now;
  Actions& actions;

  void reply(protocol::Reply answer) const {
    actions.push_back(Reply{arrived.token, std::move(answer)});
  }
  void refuse(const Error& error) const { reply(refused(error)); }
  [[nodiscard]] BlobView blobs() const { return {core.studies_, core.membership_}; }

  void operator()(const protocol::OpenSession&) const { misplaced(); }
  void operator()(const protocol::Enrol&) const { misplaced(); }
  void misplaced() const {
    refuse({Kind::invalid, "message.misplaced", "This message has an endpoint of its own.",
            "Use the addresses of the enrolment token."});
  }

  void operator()(const protocol::Invite& invite) const {
    if (auto ok = core.enrolment_.invite(invite, core.membership_, now); !ok)
      return refuse(ok.error());
    actions.push_back(KeepEnrolments{core.enrolment_.to_json()});
    reply(protocol::Done{});
  }
  void operator()(const protocol::ListEnrolments&) const {
    reply(protocol::Enrolments{core.enrolment_.pending(core.membership_)});
  }

  void operator()(const protocol::Submit& submit) const {
    actions.push_back(Admit{arrived.token, member.id, submit.envelopes});
  }
  void operator()(const protocol::FetchRecords& fetch) const {
    if (member.role == Role::auditor) {
      const auto last = core.audit_reads_.find(member.id);
      const bool is_new = last == core.audit_reads_.end() || now - last->second > audit_session;
      core.audit_reads_.insert_or_assign(member.id, now);
      if (is_new) core.append(access_draft(member, fetch), actions);
    }
    actions.push_back(ReadRecords{arrived.token, member.id, fetch});
  }
  void operator()(const protocol::FetchSigner& fetch) const {
    const Member* signer = core.membership_.find(fetch.member);
    // An agent fetches the counters of its own site's people, whose records it forwards.
    const bool is_own = fetch.member == member.id || sees_everything(member) ||
                        (signer != nullptr && !member.site.empty() && signer->site == member.site);
    if (is_own) {
      actions.push_back(ReadSigner{arrived.token, fetch.member});
    } else {
      refuse({Kind::forbidden, "signer.forbidden",
              fmt::format("The counters of '{}' are for itself and its site only.", fetch.member),
              "Use the key of a person of this site, at this site's agent."});
    }
  }

  void operator()(const protocol::Poll& poll) const {
    for (const protocol::JobProgress& progress : poll.progress) take_progress(progress);
    core.heard(member, now, actions);
    if (!poll.cosignature.empty())
      actions.push_back(KeepCosignature{member.id, poll.head_size, poll.cosignature});
    const Duration wait = std::clamp(poll.wait, Duration(0), protocol::limits::poll_wait_max);
    HeldPoll held{arrived.token,     member.id,      member.site,
                  poll.seen_version, poll.head_size, now + wait};
    const bool has_news = poll.seen_version != core.work_version(member.id);
    if (has_news || wait == Duration(0)) {
      actions.push_back(core.answer_to(held));
    } else if (const auto replaced = core.polls_.hold(std::move(held))) {
      actions.push_back(core.answer_to(*replaced));
    }
  }
  void take_progress(const protocol::JobProgress& progress) const {
    const auto study = core.studies_.find(core.index_.of_job(progress.job));
    const Job* job = study == core.studies_.end() ? nullptr : study->second.job(progress.job);
    if (job != nullptr && job->assignee == member.id && job->may_run())
      core.leases_.progress_reported(member.id, tamed(progress), now);
  }

  void operator()(const protocol::BlobOpen& open) const {
    if (auto ok = may_upload(member, open, blobs()); !ok) return refuse(ok.error());
    actions.push_back(OpenBlob{arrived.token, member.id, open});
  }
  void operator()(const protocol::BlobChunk& chunk) const {
    // The shell writes only into an upload that this member opened.
    actions.push_back(WriteChunk{arrived.token, member.id, chunk});
  }
  void operator()(const protocol::BlobGet& get) const {
    if (auto ok = may_download(member, get.digest, blobs()); !ok) return refuse(ok.error());
    actions.push_back(ReadBlob{arrived.token, get});
  }
  void operator()(const protocol::PutWraps& put) const {
    if (auto ok = may_put_wraps(member, put, blobs()); !ok) return refuse(ok.error());
    actions.push_back(StoreWraps{arrived.token, put});
  }
  void operator()(const protocol::GetWraps& get) const {
    for (const Digest& shard : get.shards) {
      if (auto ok = may_download(member, shard, blobs()); !ok) return refuse(ok.error());
    }
    actions.push_back(ReadWraps{arrived.token, member.id, get.shards});
  }

  void operator()(const protocol::Ask& ask) const {
    if (ask.what == "witnessed") return take_witness_question(ask.argument);
    auto json = answer(member, ask, {core.view(), core.heard_, core.ledger_size_, now});
    if (!json) return refuse(json.error());
    reply(protocol::Told{std::move(*json)});
  }
  void take_witness_question(const std::string& argument) const {
    const auto space = std::min(argument.find(' '), argument.size());
    const auto record = digest_from_hex(argument.substr(0, space));
    std::uint64_t size = 0;
    const char* end = argument.data() + argument.size();
    const char* from = argument.data() + std::min(space + 1, argument.size());
    const auto parsed = std::from_chars(from, end, size);
    if (!record || parsed.ec != std::errc() || parsed.ptr != end) {
      return refuse({Kind::invalid, "ask.witnessed",
                     "The question names no record and size of the ledger.",
                     "Ask with the record's leaf hash and a size, with a space between."});
    }
    actions.push_back(ReadWitnessed{arrived.token, *record, size});
    core.wake_witnesses(member, size, actions);
  }
};

// Agents cosign what they hear of with their next Poll: those that have not heard of this size yet
// are answered now, so that whoever waits for their cosignatures need not wait for the Poll's end.
void Coordinator::wake_witnesses(const Member& asker, std::uint64_t size, Actions& actions) {
  std::set<MemberId> behind;
  for (const StudyId& id : index_.of(asker.site, asker.id)) {
    for (const std::string& site : studies_.at(id).plan().sites) {
      for (const MemberId& agent : polls_.at_site(site)) {
        if (polls_.held().at(agent).head_size < size) behind.insert(agent);
      }
    }
  }
  for (const MemberId& agent : behind) actions.push_back(answer_to(*polls_.take(agent)));
}

void Coordinator::on_request(const RequestArrived& arrived, Instant now, Actions& actions) {
  const Member* member = membership_.find(arrived.member);
  if (auto ok = may_ask(member, arrived.request); !ok) {
    actions.push_back(Reply{arrived.token, refused(ok.error())});
    return;
  }
  heard_.insert_or_assign(member->id, now);
  std::visit(Handler{*this, arrived, *member, now, actions}, arrived.request);
}

void Coordinator::on_enrol(const EnrolArrived& arrived, Instant now, Actions& actions) {
  auto answer = enrolment_.enrol(arrived.enrol, membership_, now);
  if (!answer) {
    actions.push_back(Reply{arrived.token, refused(answer.error())});
    return;
  }
  if (answer->changed) actions.push_back(KeepEnrolments{enrolment_.to_json()});
  if (answer->state.step == protocol::EnrolmentState::Step::enrolled) {
    const Member* member = membership_.find(arrived.enrol.member);
    answer->state.membership = membership_.envelopes_for(*member, {});
  }
  actions.push_back(Reply{arrived.token, std::move(answer->state)});
}

void Coordinator::heard(const Member& member, Instant now, Actions& actions) {
  const Leases::Expiry expiry = leases_.assignee_heard(member.id, now);
  if (!expiry.offered_again.empty()) bumps_[member.id] += 1;
  for (const JobId& id : expiry.given_up) {
    for (const auto& [study_id, study] : studies_) {
      const Job* job = study.job(id);
      if (job != nullptr && job->may_run()) append(given_up_draft(*job), actions);
    }
  }
}

}  // namespace cloister::coordinator
