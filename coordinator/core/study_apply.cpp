// How each record changes a study. Records here were admitted under study_rules.h; what still does
// not fit (a record of another version of the rules, say) changes nothing.
#include <algorithm>

#include "coordinator/core/study.h"
#include "protocol/limits.h"
#include "provenance/model_release.h"

namespace cloister::coordinator {
namespace {

using provenance::Json;
using provenance::Record;
using provenance::RecordKind;
using provenance::text_or_empty;

Digest subject_named(const Record& record, std::string_view name) {
  for (const auto& subject : record.subjects) {
    if (subject.name == name) return subject.digest;
  }
  return record.subjects.empty() ? Digest{} : record.subjects.front().digest;
}

// Every digest that the record speaks of.
std::vector<Digest> digests_of(const Record& record) {
  std::vector<Digest> all;
  for (const auto& input : record.inputs) all.push_back(input.digest);
  for (const auto& subject : record.subjects) all.push_back(subject.digest);
  return all;
}

bool is_on_demand(const Record& record) {
  const std::string purpose = text_or_empty(record.details, "purpose");
  return (purpose.empty() ? record.purpose : purpose) == "prediction";
}

std::vector<Shard> shards_of(const Json& manifest) {
  std::vector<Shard> shards;
  const Json* list = manifest.find("shards");
  if (list == nullptr || list->items() == nullptr) return shards;
  for (const Json& item : *list->items()) {
    const auto digest = provenance::digest_at(item, "sealed_sha256");
    if (!digest) continue;
    const auto number = provenance::count_at(item, "number").value_or(0);
    shards.push_back({static_cast<std::uint32_t>(number), *digest,
                      std::min(provenance::count_at(item, "sealed_bytes").value_or(0),
                               protocol::limits::blob_bytes_max),
                      text_or_empty(item, "purpose")});
  }
  return shards;
}

// Indicators that did not pass, wherever the report states them. Unknown verdicts do not pass.
std::map<std::string, double> not_passed(const Record& report) {
  std::map<std::string, double> open;
  if (report.protection) {
    for (const auto& indicator : report.protection->indicators) {
      if (!indicator.pass) open[indicator.name] = indicator.value;
    }
  }
  const Json* list = report.details.find("indicators");
  if (list == nullptr || list->items() == nullptr) return open;
  for (const Json& item : *list->items()) {
    if (text_or_empty(item, "verdict") == "pass") continue;
    const Json* value = item.find("value");
    open[text_or_empty(item, "name")] = value ? value->number().value_or(0) : 0;
  }
  return open;
}

bool states_indicators(const Record& report) {
  const Json* list = report.details.find("indicators");
  const bool in_details = list != nullptr && list->items() != nullptr && !list->items()->empty();
  return in_details || (report.protection && !report.protection->indicators.empty());
}

}  // namespace

void Study::apply(const Placed& placed, const std::string& signer_site) {
  const RecordKind kind = placed.record.kind;
  if (kind == RecordKind::study_opened) return amend(placed);
  if (kind == RecordKind::job_submitted) return admit_submitted(placed);
  if (!placed.record.job.empty()) on_job_record(placed);
  if (kind == RecordKind::study_closed) {
    closed_reason_ = placed.record.reason.empty() ? "closed" : placed.record.reason;
    for (auto& [id, job] : jobs_) close(job, placed, closed_reason_);
    binding_.push_back({"", placed.envelope});
    touch("", placed.index);
  }
  if (kind == RecordKind::dataset_encoded) on_dataset_encoded(placed, signer_site);
  if (kind == RecordKind::gate_reported) on_gate_reported(placed);
  if (kind == RecordKind::permit_granted) on_permit(placed, signer_site);
  if (kind == RecordKind::transfer_sent || kind == RecordKind::transfer_received ||
      kind == RecordKind::dataset_admitted)
    on_transfer(placed);
  if (kind == RecordKind::model_produced || kind == RecordKind::model_evaluated ||
      kind == RecordKind::model_approved || kind == RecordKind::model_released)
    on_model(placed, signer_site);
  if (kind == RecordKind::prediction_batch) on_replies(placed);
  if (kind == RecordKind::quarantine_set || kind == RecordKind::consent_withdrawn)
    on_quarantine(placed, signer_site);
  if (is_about_withdrawal(placed.record) && coordinator::apply(withdrawals_, placed, signer_site))
    touch("", placed.index);
}

void Study::amend(const Placed& placed) {
  const Json* carried = placed.record.details.find("plan");
  if (carried == nullptr) return;
  const std::string* text = carried->text();
  auto plan = protocol::plan_from_json(text ? *text : provenance::to_jcs(*carried));
  if (!plan || plan->version <= plan_.version) return;
  plan_ = std::move(*plan);
  plan_digest_ = subject_named(placed.record, "plan");
  opened_ = placed.envelope;
  touch("", placed.index);
}

void Study::admit_submitted(const Placed& placed) {
  auto job = job_from(placed);
  if (!job || jobs_.contains(job->id)) return;  // offering twice is offering once
  const std::string site = job->site;
  const Dataset* dataset = job->needs_permit ? site_dataset(site) : nullptr;
  // The permit may have been signed before the job was offered.
  if (dataset != nullptr && dataset->release && dataset->gate_is_open()) permit(*job, placed);
  jobs_by_site_[site].push_back(job->id);
  jobs_by_assignee_[job->assignee].push_back(job->id);
  jobs_.emplace(job->id, std::move(*job));
  touch_job(site, placed.index);
}

void Study::touch_job(const std::string& site, std::uint64_t index) {
  // Pooled training concerns the trainer only: sites need not be woken.
  if (site.empty()) {
    any_version_ = index + 1;
  } else {
    touch(site, index);
  }
}

void Study::on_job_record(const Placed& placed) {
  const auto found = jobs_.find(placed.record.job);
  if (found == jobs_.end()) return;
  const bool changed = coordinator::apply(found->second, placed);
  // A recorded failure is seen by the assignee even where the state stays the same.
  if (changed || placed.record.kind == RecordKind::job_failed)
    touch_job(found->second.site, placed.index);
}

void Study::on_dataset_encoded(const Placed& placed, const std::string& site) {
  const Json* manifest = placed.record.details.find("manifest");
  if (manifest == nullptr) return;
  Dataset dataset;
  dataset.manifest = subject_named(placed.record, "manifest");
  if (datasets_.contains(dataset.manifest)) return;
  dataset.site = site;
  const Job* from = job(placed.record.job);
  dataset.plan_version = from == nullptr ? plan_.version : from->version;
  dataset.on_demand = is_on_demand(placed.record);
  dataset.manifest_json = provenance::to_jcs(*manifest);
  dataset.shards = shards_of(*manifest);
  dataset.index = placed.index;
  for (const Shard& shard : dataset.shards) shard_owner_.emplace(shard.digest, dataset.manifest);
  manifests_by_site_[site].push_back(dataset.manifest);
  datasets_.emplace(dataset.manifest, std::move(dataset));
  touch(site, placed.index);
}

void Study::on_gate_reported(const Placed& placed) {
  Dataset* dataset = named_dataset(placed.record);
  if (dataset == nullptr) return;
  dataset->not_passed = not_passed(placed.record);
  dataset->report.reset();
  // A report that states nothing opens nothing.
  if (states_indicators(placed.record)) dataset->report = subject_named(placed.record, "report");
  touch(dataset->site, placed.index);
}

void Study::on_permit(const Placed& placed, const std::string& site) {
  const auto permit = provenance::permit_from(placed.record.details);
  if (!permit) return;
  using Type = provenance::Permit::Type;
  if (permit->type == Type::standing) {
    standing_[site] = placed.leaf;
    binding_.push_back({site, placed.envelope});
    touch(site, placed.index);
    return;
  }
  Dataset* dataset = named_dataset(placed.record);
  Model* model = permit->type == Type::exception ? named_model(placed.record) : nullptr;
  if (model != nullptr) model->evidence.push_back(placed.index);
  if (dataset == nullptr || dataset->site != site) return;
  if (permit->type == Type::exception) {
    for (const auto& seen : permit->indicators)
      dataset->exceptions.emplace_back(seen.name, seen.value);
  } else {
    dataset->release = ReleasePermit{placed.leaf, placed.index, permit->recipient};
  }
  binding_.push_back({site, placed.envelope});
  touch(site, placed.index);
  const auto release =
      jobs_.find(protocol::job_id(plan_.study, site, "release", dataset->plan_version));
  const bool may_leave = dataset->release && dataset->gate_is_open() && !dataset->on_demand;
  if (release != jobs_.end() && may_leave) coordinator::permit(release->second, placed);
}

void Study::on_transfer(const Placed& placed) {
  Dataset* dataset = named_dataset(placed.record);
  if (dataset == nullptr) return;
  if (placed.record.kind == RecordKind::transfer_sent) dataset->sent = true;
  if (placed.record.kind == RecordKind::transfer_received) dataset->received = true;
  if (placed.record.kind == RecordKind::dataset_admitted) dataset->admitted = true;
  touch(dataset->site, placed.index);
}

void Study::on_model(const Placed& placed, const std::string& site) {
  const Record& record = placed.record;
  if (record.kind == RecordKind::model_produced) {
    const Job* from = job(record.job);
    const Digest digest = subject_named(record, "model");
    const bool is_known = std::any_of(models_.begin(), models_.end(),
                                      [&](const Model& m) { return m.digest == digest; });
    if (from == nullptr || from->version <= models_.size() || is_known) return;
    Model model;
    model.version = from->version;
    model.digest = digest;
    model.index = placed.index;
    for (const auto& input : from->inputs) {
      if (input.name == "manifest") model.manifests.insert(input.digest);
    }
    models_.push_back(std::move(model));
    return touch("", placed.index);
  }
  Model* model = named_model(record);
  if (model == nullptr) return;
  if (record.kind == RecordKind::model_evaluated) {
    model->evaluations[site] = subject_named(record, "evaluation");
    provenance::MembershipTests tests(model->digest);
    tests.take(record);
    if (tests.open_at(record.actor.org).is_tested)
      model->untested.erase(site);
    else
      model->untested.insert(site);
    model->evidence.push_back(placed.index);
  }
  if (record.kind == RecordKind::model_approved) model->approvals.insert(site);
  if (record.kind == RecordKind::model_released) {
    model->released = true;
    binding_.push_back({"", placed.envelope});
  }
  touch(record.kind == RecordKind::model_released ? "" : site, placed.index);
}

void Study::on_replies(const Placed& placed) {
  const Job* from = job(placed.record.job);
  // Sites write prediction.batch too (the masks they decoded): those are no replies.
  if (from == nullptr || from->kind != "predict" || placed.record.actor.id != from->assignee ||
      replies_.contains(from->id))
    return;
  Replies replies{from->id, from->site, {}};
  const Json* list = placed.record.details.find("replies");
  if (list != nullptr && list->items() != nullptr) {
    for (const Json& item : *list->items()) {
      const auto digest = provenance::digest_at(item, "reply");
      if (digest)
        replies.blobs.push_back(
            {"reply", *digest, provenance::count_at(item, "bytes").value_or(0)});
    }
  }
  for (const auto& blob : replies.blobs) reply_site_.emplace(blob.digest, from->site);
  // What the site fetches are the replies, whatever else the record names.
  Job& job_of_replies = jobs_.at(from->id);
  if (!replies.blobs.empty()) job_of_replies.outputs = replies.blobs;
  replies_.emplace(from->id, std::move(replies));
  touch(from->site, placed.index);
}

void Study::on_quarantine(const Placed& placed, const std::string& site) {
  coordinator::apply(withdrawals_, placed, site);
  for (const Digest& digest : digests_of(placed.record)) {
    const auto dataset = datasets_.find(digest);
    if (dataset != datasets_.end()) dataset->second.quarantined = true;
    const auto model = std::find_if(models_.begin(), models_.end(),
                                    [&](const Model& m) { return m.digest == digest; });
    if (model != models_.end()) model->quarantined = true;
  }
  binding_.push_back({"", placed.envelope});
  touch("", placed.index);
}

Dataset* Study::named_dataset(const Record& record) {
  for (const Digest& digest : digests_of(record)) {
    const auto found = datasets_.find(digest);
    if (found != datasets_.end()) return &found->second;
    const auto owner = shard_owner_.find(digest);
    if (owner != shard_owner_.end()) return &datasets_.at(owner->second);
  }
  return nullptr;
}

Model* Study::named_model(const Record& record) {
  for (const Digest& digest : digests_of(record)) {
    const auto found = std::find_if(models_.begin(), models_.end(),
                                    [&](const Model& m) { return m.digest == digest; });
    if (found != models_.end()) return &*found;
  }
  return nullptr;
}

}  // namespace cloister::coordinator
