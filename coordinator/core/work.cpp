#include "coordinator/core/work.h"

#include <algorithm>

#include "protocol/limits.h"

namespace cloister::coordinator {
namespace {

using protocol::JobState;
using protocol::JobView;

// Envelopes, specs and digests of one answer stay well below the size of a message.
constexpr std::size_t work_bytes_max = protocol::limits::message_bytes_max * 3 / 4;
constexpr std::size_t closed_jobs_max = 64;

struct Found {
  const Study* study;
  const Job* job;
};

bool is_newer(const Found& a, const Found& b) { return a.job->changed > b.job->changed; }

// Jobs that the member performs, or that its site decides about.
std::vector<Found> jobs_of(const Member& member, const WorkView& view) {
  std::vector<Found> open;
  std::vector<Found> closed;
  for (const StudyId& id : view.index.of(member.site, member.id)) {
    const Study& study = view.studies.at(id);
    const auto& ids = member.site.empty() ? study.jobs_of(member.id) : study.jobs_at(member.site);
    for (const JobId& job_id : ids) {
      const Job* job = study.job(job_id);
      // Predictions of a site's data are the trainer's work: the site sees them, its agent waits.
      if (job != nullptr) (job->is_closed() ? closed : open).push_back({&study, job});
    }
  }
  std::stable_sort(closed.begin(), closed.end(), is_newer);
  if (closed.size() > closed_jobs_max) closed.resize(closed_jobs_max);
  open.insert(open.end(), closed.begin(), closed.end());
  return open;
}

std::size_t bytes_of(const JobView& view) {
  return 400 + view.spec_json.size() + view.waits_for.size() +
         40 * (view.inputs.size() + view.outputs.size()) + view.progress.metrics_json.size();
}

void add_studies(const Member& member, const WorkView& view, protocol::Work& work) {
  for (const StudyId& id : view.index.of(member.site, member.id)) {
    const Study& study = view.studies.at(id);
    const bool takes_part = (!member.site.empty() && study.takes_part(member.site)) ||
                            study.plan().trainer == member.id.text() ||
                            study.plan().owner == member.id.text();
    if (!takes_part || work.studies.size() >= protocol::limits::studies_in_work_max) continue;
    work.studies.push_back({id, study.phase(), study.opened(), study.binding_for(member.site)});
  }
}

// The approval of an open job travels with it: an agent that was killed before it heard of what a
// person of its site signed must still be able to cite it.
std::size_t add_approval(const Job& job, protocol::Work& work) {
  if (job.is_closed() || job.approval.empty()) return 0;
  for (auto& study : work.studies) {
    if (study.study == job.study) study.more.push_back(job.approval);
  }
  return job.approval.size();
}

}  // namespace

JobView view_of(const Study& study, const Job& job, const WorkView& view) {
  JobView out;
  out.id = job.id;
  out.study = job.study;
  out.kind = job.kind;
  out.assignee = job.assignee;
  out.site = job.site;
  out.attempt = view.leases.attempt(job.id, job.failures);
  out.state = job.state;
  out.spec_digest = job.spec_digest;
  if (!job.is_closed()) out.spec_json = job.spec_json;
  out.inputs = job.inputs;
  out.outputs = job.outputs;
  out.waits_for = waits_for(study, job, view.facts);
  out.since = job.since;
  const Lease* lease = view.leases.find(job.id);
  if (lease != nullptr && !job.is_closed()) {
    out.progress = lease->progress;
    if (job.may_run() && lease->alive) out.state = JobState::running;
  }
  return out;
}

protocol::Work work_for(const Member& member, const WorkView& view) {
  protocol::Work work;
  add_studies(member, view, work);
  Membership::Shared shared;
  std::size_t bytes = 0;
  for (const auto& study : work.studies) {
    const auto& plan = view.studies.at(study.study).plan();
    shared.sites.insert(plan.sites.begin(), plan.sites.end());
    shared.people.insert({MemberId::trusted(plan.owner), MemberId::trusted(plan.trainer)});
    bytes += study.opened.size();
    for (const Bytes& envelope : study.more) bytes += envelope.size();
  }
  work.membership = view.membership.envelopes_for(member, shared);
  for (const Bytes& envelope : work.membership) bytes += envelope.size();
  for (const Found& found : jobs_of(member, view)) {
    JobView job = view_of(*found.study, *found.job, view);
    bytes += bytes_of(job) + add_approval(*found.job, work);
    if (work.jobs.size() >= protocol::limits::jobs_in_work_max || bytes > work_bytes_max) break;
    work.jobs.push_back(std::move(job));
  }
  return work;
}

std::uint64_t ledger_version(const Member& member, const WorkView& view) {
  std::uint64_t version = view.membership.version_for(member.site);
  if (member.site.empty()) {
    return std::max(
        version, sees_everything(member) ? view.index.newest() : view.index.newest_of(member.id));
  }
  for (const StudyId& id : view.index.of(member.site, member.id)) {
    const Study& study = view.studies.at(id);
    if (sees_study(member, study)) version = std::max(version, study.version_for(member.site));
  }
  return version;
}

}  // namespace cloister::coordinator
