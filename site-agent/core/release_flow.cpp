#include <algorithm>

#include "protocol/limits.h"
#include "site-agent/core/agent_state.h"

namespace cloister::site_agent {
namespace {

using member::find_at;
using member::job_record;
using member::retry_pause;
using protocol::JobView;
using provenance::Json;
using provenance::RecordKind;
using Step = LocalJob::Step;

const Product* input_product(const AgentState& state, const JobView& job, std::string_view kind) {
  for (const auto& input : job.inputs) {
    const Product* product = state.products.find(input.digest);
    if (product != nullptr && product->kind == kind) return product;
  }
  return nullptr;
}

// Everything that decides about a release, as values that live long enough.
struct Asking {
  Manifest manifest;
  GateReport gate;
  std::vector<Permit> permits;
  Left left;
};

std::optional<Asking> asking(const AgentState& state, const JobView& job) {
  const Product* encoded = input_product(state, job, "encode");
  const Product* assessed = input_product(state, job, "assess-privacy");
  if (encoded == nullptr) encoded = state.products.newest(job.study, "encode");
  if (assessed == nullptr) assessed = state.products.newest(job.study, "assess-privacy");
  if (encoded == nullptr) return std::nullopt;
  Asking out{manifest_of(*encoded), {}, {}, state.left_for(job.study, encoded->digest)};
  if (assessed != nullptr) out.gate = gate_of(*assessed);
  const auto permits = state.permits.find(job.study);
  if (permits != state.permits.end()) out.permits = permits->second;
  return out;
}

ReleaseQuestion question(const AgentState& state, const member::Study& study, const Asking& about) {
  return {state.options.policy, study, about.manifest, about.gate, about.permits, about.left};
}

// Booked before the first byte leaves: a crash in between never lets more out than was counted.
void book(AgentState& state, const StudyId& study, const Manifest& manifest, Instant now) {
  const auto key = std::pair(study, manifest.digest);
  if (state.left.contains(key)) return;
  state.left[key] = LeftEntry{manifest.bytes(), manifest.shards.size(), false, now};
  state.persist(fmt::format("left/{}/{}", study, to_hex(manifest.digest)),
                Json()
                    .set("bytes", manifest.bytes())
                    .set("cases", std::uint64_t{manifest.shards.size()})
                    .set("at", to_rfc3339(now)));
}

void begin_upload(AgentState& state, const JobView& job, const Manifest& manifest, Instant now) {
  LocalJob& local = state.jobs[job.id];
  book(state, job.study, manifest, now);
  local.step = Step::leaving;
  local.waits_for = "Uploads the sealed shards.";
  for (const ShardEntry& shard : manifest.shards) {
    local.moving.insert(shard.sealed);
    state.out.push_back(member::Upload{job.id, shard.sealed, shard.sealed_bytes});
  }
}

void record_transfer(AgentState& state, const JobView& job, Instant now) {
  const member::Study* study = state.link.study(job.study);
  const auto about = asking(state, job);
  if (study == nullptr || !about) return;
  const auto permit = may_release(question(state, *study, *about));
  if (!permit) {
    state.jobs[job.id].waits_for = permit.error().what;
    return;
  }
  provenance::Record record = job_record(RecordKind::transfer_sent, job, *study);
  record.subjects.push_back({"manifest", about->manifest.digest});
  for (const ShardEntry& shard : about->manifest.shards) {
    record.subjects.push_back({fmt::format("shard-{:06}", shard.number), shard.sealed});
  }
  record.inputs.push_back({"permit", "permit", permit->digest, std::nullopt});
  record.approvals.push_back(permit->leaf);
  record.recipients.push_back(study->trainer.id.text());
  record.details.set("bytes", about->manifest.bytes());
  record.details.set("shards", std::uint64_t{about->manifest.shards.size()});
  state.draft(member::product_name(job.id), std::move(record), now);
}

// Wraps go out in portions; the last answer drafts the record.
void put_wraps(AgentState& state, const JobId& id, std::size_t from, Instant now) {
  const JobView* job = state.find_job(id);
  const member::Study* study = job == nullptr ? nullptr : state.link.study(job->study);
  const auto about = study == nullptr ? std::nullopt : asking(state, *job);
  if (!about) return;
  const auto& shards = about->manifest.shards;
  if (from >= shards.size()) return record_transfer(state, *job, now);
  state.jobs[id].step = Step::wrapping;
  const std::size_t to = std::min(shards.size(), from + protocol::limits::wraps_max);
  protocol::PutWraps put{job->study, id, study->trainer.id, {}};
  for (std::size_t i = from; i < to; ++i) put.wraps.push_back({shards[i].sealed, shards[i].wrap});
  state.ask(std::move(put), [&state, id, to](const Result<protocol::Reply>& reply, Instant at) {
    LocalJob* local = find_at(state.jobs, id, Step::wrapping);
    if (local == nullptr) return;
    if (reply) return put_wraps(state, id, to, at);
    local->step = Step::idle;  // everything that arrived is answered as there
    local->failed_attempt = 0;
    local->not_before = at + retry_pause;
  });
}

void start_downloads(AgentState& state, const JobId& id, const protocol::Wraps& wraps,
                     Instant now) {
  const JobView* job = state.find_job(id);
  LocalJob* local = find_at(state.jobs, id, Step::fetching);
  if (job == nullptr || local == nullptr) return;
  for (const auto& input : job->inputs) {
    if (input.name != "reply") continue;
    const auto wrap = std::find_if(wraps.wraps.begin(), wraps.wraps.end(),
                                   [&](const auto& one) { return one.shard == input.digest; });
    if (wrap == wraps.wraps.end()) {
      return fail_job(
          state, *job,
          Error{Kind::unavailable, "reply.no_key", "A reply came without the key that opens it.",
                "The trainer sends it again."},
          now);
    }
    local->replies.push_back({input.digest, wrap->wrap});
    local->moving.insert(input.digest);
    state.out.push_back(member::Download{id, input.digest, input.size});
  }
  if (local->moving.empty()) local->step = Step::idle;
}

bool is_permit(const provenance::Record& record) {
  return record.kind == RecordKind::permit_granted;
}

}  // namespace

// Permits and approvals come among the envelopes that bind members; only those of this site's
// people count. The agent may have been down when they were signed.
void read_permits(AgentState& state) {
  if (state.permits_read == state.link.news()) return;
  state.permits_read = state.link.news();
  state.permits.clear();
  for (const auto& view : state.link.work().studies) {
    for (const Bytes& envelope : view.more) {
      const auto opened = state.link.membership().open(envelope);
      if (!opened || opened->record.study != view.study) continue;
      if (opened->record.kind == RecordKind::job_approved && opened->signer.site == state.site() &&
          protocol::is_person(opened->signer.role)) {
        state.approvals[opened->record.job] = opened->leaf;
        if (const member::Study* study = state.link.study(view.study))
          state.add(state.agreements.person_agreed(view.study, study->plan.version));
      }
      if (!is_permit(opened->record)) continue;
      auto permit = permit_from(*opened, state.site());
      if (permit) state.permits[view.study].push_back(std::move(*permit));
    }
  }
}

void advance_release(AgentState& state, const JobView& job, Instant now) {
  LocalJob& local = state.jobs[job.id];
  if (local.step != Step::idle || now < local.not_before) return;
  const member::Study* study = state.link.study(job.study);
  const auto about = asking(state, job);
  if (study == nullptr || !about) {
    local.waits_for = "The encoded dataset is not on this machine.";
    return;
  }
  const auto permit = may_release(question(state, *study, *about));
  // It is a person's move, and everybody should see whose: the job is held, with the reason.
  if (!permit && permit.error().code == "release.quota")
    return fail_job(state, job, permit.error(), now);
  if (!permit) {
    local.waits_for = permit.error().what + " " + permit.error().next;
    return;
  }
  local.not_before = Instant();
  begin_upload(state, job, about->manifest, now);
}

void fetch_replies(AgentState& state, const JobView& job, Instant) {
  LocalJob& local = state.jobs[job.id];
  protocol::GetWraps get;
  for (const auto& input : job.inputs) {
    if (input.name == "reply") get.shards.push_back(input.digest);
  }
  local.step = Step::fetching;
  local.waits_for = "Fetches the trainer's sealed predictions.";
  state.ask(std::move(get),
            [&state, id = job.id](const Result<protocol::Reply>& reply, Instant at) {
              const auto* wraps = reply ? std::get_if<protocol::Wraps>(&*reply) : nullptr;
              if (wraps != nullptr) return start_downloads(state, id, *wraps, at);
              LocalJob* waiting = find_at(state.jobs, id, Step::fetching);
              if (waiting == nullptr) return;
              waiting->step = Step::idle;
              waiting->not_before = at + retry_pause;
            });
}

void on_uploaded(AgentState& state, const Digest& digest, Instant now) {
  for (auto& [id, local] : state.jobs) {
    if (local.step != Step::leaving || local.moving.erase(digest) == 0) continue;
    if (local.moving.empty()) put_wraps(state, id, 0, now);
    return;
  }
  on_prediction_moved(state, digest);
}

void on_downloaded(AgentState& state, const Digest& digest, Instant) {
  for (auto& [id, local] : state.jobs) {
    if (local.step != Step::fetching || local.moving.erase(digest) == 0) continue;
    if (local.moving.empty()) local.step = Step::idle;  // the worker can start
    return;
  }
  on_prediction_moved(state, digest);
}

void on_transfer_failed(AgentState& state, const member::TransferFailed& event, Instant now) {
  for (auto& [id, local] : state.jobs) {
    if (local.moving.erase(event.digest) == 0) continue;
    state.out.push_back(member::StopTransfers{id});
    local.moving.clear();
    local.replies.clear();
    local.step = Step::idle;
    local.not_before = now + retry_pause;
    local.waits_for = event.error.what + " " + event.error.next;
    state.notice(member::NoticeLevel::warn, event.error.code,
                 fmt::format("Job '{}': {} {}", id, event.error.what, event.error.next), id);
    return;
  }
  on_prediction_stuck(state, event);
}

std::optional<std::string> preview_of(const AgentState& state, const JobView& job) {
  const member::Study* study = state.link.study(job.study);
  const auto about = study == nullptr ? std::nullopt : asking(state, job);
  if (!about) return std::nullopt;
  return preview_json(question(state, *study, *about));
}

}  // namespace cloister::site_agent
