#include "coordinator/core/job.h"

#include <algorithm>

#include "crypto/hash.h"

namespace cloister::coordinator {
namespace {

using protocol::JobState;
using provenance::RecordKind;
using provenance::text_or_empty;

void move_to(Job& job, JobState state, const Placed& placed) {
  job.state = state;
  job.since = placed.record.issued_at;
  job.changed = placed.index;
}

std::string reason_of(const provenance::Record& record) {
  if (!record.reason.empty()) return record.reason;
  const std::string what = text_or_empty(record.details, "what");
  return what.empty() ? text_or_empty(record.details, "reason") : what;
}

// Trying again would give the same answer.
bool is_final(const provenance::Record& failed) {
  const std::string kind = text_or_empty(failed.details, "kind");
  return kind == "invalid" || kind == "forbidden" || kind == "unsupported" || kind == "conflict";
}

bool on_approved(Job& job, const Placed& placed) {
  if (!job.needs_permit) job.approval = placed.envelope;
  const std::string decision = text_or_empty(placed.record.details, "decision");
  if (decision == "resume") {
    if (job.state != JobState::held) return false;
    move_to(job, job.was_approved ? JobState::approved : JobState::offered, placed);
    return true;
  }
  if (decision == "retry") {
    if (!job.is_closed() || job.state == JobState::done) return false;
    job.failures = 0;
    job.reason.clear();
    job.was_approved = true;
    move_to(job, JobState::approved, placed);
    return true;
  }
  if (job.state != JobState::offered || job.needs_permit) return false;
  job.was_approved = true;
  move_to(job, JobState::approved, placed);
  return true;
}

bool on_denied(Job& job, const Placed& placed) {
  if (job.is_closed()) return false;
  const std::string decision = text_or_empty(placed.record.details, "decision");
  job.reason = reason_of(placed.record);
  if (decision == "hold") {
    move_to(job, JobState::held, placed);
  } else {
    move_to(job, decision == "abort" ? JobState::aborted : JobState::denied, placed);
  }
  return true;
}

bool on_failed(Job& job, const Placed& placed) {
  if (job.is_closed()) return false;
  job.failures += 1;
  job.reason = reason_of(placed.record);
  job.changed = placed.index;
  if (is_final(placed.record) || job.failures >= attempts_max)
    move_to(job, JobState::failed, placed);
  return true;
}

std::vector<protocol::NamedDigest> named(const std::vector<provenance::Subject>& subjects) {
  std::vector<protocol::NamedDigest> all;
  for (const auto& subject : subjects) all.push_back({subject.name, subject.digest, 0});
  return all;
}

std::vector<protocol::NamedDigest> inputs_of(const provenance::Json& spec) {
  std::vector<protocol::NamedDigest> inputs;
  const provenance::Json* list = spec.find("inputs");
  if (list == nullptr || list->items() == nullptr) return inputs;
  for (const provenance::Json& item : *list->items()) {
    const auto digest = provenance::digest_at(item, "digest");
    if (digest)
      inputs.push_back(
          {text_or_empty(item, "name"), *digest, provenance::count_at(item, "bytes").value_or(0)});
  }
  return inputs;
}

}  // namespace

bool Job::is_closed() const {
  return state == JobState::done || state == JobState::failed || state == JobState::denied ||
         state == JobState::aborted;
}

std::optional<Job> job_from(const Placed& submitted) {
  const provenance::Record& record = submitted.record;
  const provenance::Json* spec = record.details.find("spec");
  const auto kind = protocol::job_kind(text_or_empty(record.details, "kind"));
  if (spec == nullptr || !kind || record.job.empty()) return std::nullopt;
  const auto assignee = MemberId::parse(text_or_empty(record.details, "assignee"));
  if (!assignee) return std::nullopt;
  Job job;
  job.id = record.job;
  job.study = record.study;
  job.kind = kind->name;
  job.site = text_or_empty(record.details, "site");
  job.part = text_or_empty(record.details, "part");
  job.version =
      static_cast<std::uint32_t>(provenance::count_at(record.details, "version").value_or(1));
  job.assignee = *assignee;
  job.spec_json = provenance::to_jcs(*spec);
  job.spec_digest = crypto::sha256(as_bytes(job.spec_json));
  job.needs_permit = kind->leaves_site;
  job.inputs = inputs_of(*spec);
  // What the trainer does was decided by the plan that the owner signed, and by each site's
  // release.
  const bool is_decided = kind->performer == protocol::Performer::trainer;
  job.was_approved = is_decided;
  move_to(job, is_decided ? JobState::approved : JobState::offered, submitted);
  return job;
}

Digest Job::output(std::string_view name) const {
  for (const auto& named_output : outputs) {
    if (named_output.name == name) return named_output.digest;
  }
  return outputs.empty() ? Digest{} : outputs.front().digest;
}

RecordKind product_of(std::string_view job_kind) {
  if (job_kind == "register-data") return RecordKind::raw_registered;
  if (job_kind == "encode") return RecordKind::dataset_encoded;
  if (job_kind == "assess-privacy") return RecordKind::gate_reported;
  if (job_kind == "release") return RecordKind::transfer_sent;
  if (job_kind == "train-segmentation") return RecordKind::model_produced;
  if (job_kind == "predict") return RecordKind::prediction_batch;
  if (job_kind == "evaluate") return RecordKind::model_evaluated;
  return RecordKind::encoder_trained;
}

bool is_product(const Job& job, const provenance::Record& record) {
  return record.kind == product_of(job.kind) && record.actor.id == job.assignee;
}

bool apply(Job& job, const Placed& placed) {
  if (placed.record.kind == RecordKind::job_approved) return on_approved(job, placed);
  if (placed.record.kind == RecordKind::job_denied) return on_denied(job, placed);
  if (placed.record.kind == RecordKind::job_failed) return on_failed(job, placed);
  // A product of a job that is held or not approved was never admitted; a second one has no effect.
  if (!is_product(job, placed.record) || !job.may_finish()) return false;
  job.outputs = named(placed.record.subjects);
  job.reason.clear();
  move_to(job, JobState::done, placed);
  return true;
}

bool close(Job& job, const Placed& placed, const std::string& reason) {
  if (job.is_closed()) return false;
  job.reason = reason;
  move_to(job, JobState::aborted, placed);
  return true;
}

bool permit(Job& job, const Placed& placed) {
  if (!job.needs_permit || job.state != JobState::offered) return false;
  job.was_approved = true;
  move_to(job, JobState::approved, placed);
  return true;
}

}  // namespace cloister::coordinator
