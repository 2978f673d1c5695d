#include "coordinator/core/study.h"

#include <algorithm>

namespace cloister::coordinator {

using protocol::JobState;

bool Dataset::gate_is_open() const { return report && indicators_to_except().empty(); }

std::vector<std::string> Dataset::indicators_to_except() const {
  std::vector<std::string> open;
  for (const auto& [name, value] : not_passed) {
    // A person excepted exactly this value; another one is another decision.
    const auto excepted = std::find(exceptions.begin(), exceptions.end(), std::pair(name, value));
    if (excepted == exceptions.end()) open.push_back(name);
  }
  return open;
}

std::uint64_t Dataset::bytes() const {
  std::uint64_t sum = 0;
  for (const Shard& shard : shards) sum += shard.bytes;
  return sum;
}

Study::Study(protocol::StudyPlan plan, const Placed& opened)
    : plan_(std::move(plan)), opened_(opened.envelope) {
  plan_digest_ = opened.record.subjects.empty() ? Digest{} : opened.record.subjects.front().digest;
  touch("", opened.index);
}

bool Study::takes_part(const std::string& site) const {
  return std::find(plan_.sites.begin(), plan_.sites.end(), site) != plan_.sites.end();
}

std::string Study::phase() const {
  if (is_closed()) return "closed";
  const Model* model = newest_model();
  if (model != nullptr && model->quarantined) {
    const bool trains = std::any_of(jobs_.begin(), jobs_.end(), [](const auto& entry) {
      return entry.second.kind == "train-segmentation" && !entry.second.is_closed();
    });
    return trains ? "training" : "withdrawn";
  }
  if (model != nullptr && model->released) return "released";
  if (model != nullptr) return "evaluation";
  bool encoding = false;
  for (const auto& [id, job] : jobs_) {
    if (job.kind == "train-segmentation") return "training";
    encoding = encoding || job.state == JobState::approved || job.state == JobState::done;
  }
  return encoding ? "encoding" : "open";
}

std::vector<Bytes> Study::binding_for(const std::string& site) const {
  std::vector<Bytes> envelopes;
  for (const Binding& binding : binding_) {
    if (site.empty() || binding.site.empty() || binding.site == site)
      envelopes.push_back(binding.envelope);
  }
  return envelopes;
}

const Job* Study::job(const JobId& id) const {
  const auto found = jobs_.find(id);
  return found == jobs_.end() ? nullptr : &found->second;
}

const std::vector<JobId>& Study::jobs_at(const std::string& site) const {
  static const std::vector<JobId> none;
  const auto found = jobs_by_site_.find(site);
  return found == jobs_by_site_.end() ? none : found->second;
}

const std::vector<JobId>& Study::jobs_of(const MemberId& assignee) const {
  static const std::vector<JobId> none;
  const auto found = jobs_by_assignee_.find(assignee);
  return found == jobs_by_assignee_.end() ? none : found->second;
}

const Job* Study::chain_job(const std::string& site, std::string_view kind) const {
  return job(protocol::job_id(plan_.study, site, kind, plan_.version));
}

const Dataset* Study::dataset(const Digest& manifest) const {
  const auto found = datasets_.find(manifest);
  return found == datasets_.end() ? nullptr : &found->second;
}

const Dataset* Study::site_dataset(const std::string& site) const {
  const Dataset* newest = nullptr;
  for (const Digest& manifest : manifests_of(site)) {
    const Dataset& dataset = datasets_.at(manifest);
    if (!dataset.on_demand && dataset.plan_version == plan_.version) newest = &dataset;
  }
  return newest;
}

std::vector<const Dataset*> Study::admitted() const {
  std::vector<const Dataset*> all;
  for (const std::string& site : plan_.sites) {
    const Dataset* dataset = site_dataset(site);
    if (dataset != nullptr && dataset->admitted && !dataset->quarantined) all.push_back(dataset);
  }
  std::sort(all.begin(), all.end(),
            [](const Dataset* a, const Dataset* b) { return a->site < b->site; });
  return all;
}

const Model* Study::newest_model() const { return models_.empty() ? nullptr : &models_.back(); }

bool Study::has_standing_permit(const std::string& site) const { return standing_.contains(site); }

bool Study::has_prediction_job(const Digest& manifest) const {
  return std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& entry) {
    const Job& job = entry.second;
    if (job.kind != "predict" || job.part == "held-out") return false;
    return std::any_of(job.inputs.begin(), job.inputs.end(),
                       [&](const auto& input) { return input.digest == manifest; });
  });
}

const Dataset* Study::dataset_of_shard(const Digest& shard) const {
  const auto found = shard_owner_.find(shard);
  return found == shard_owner_.end() ? nullptr : dataset(found->second);
}

const std::string* Study::reply_site(const Digest& reply) const {
  const auto found = reply_site_.find(reply);
  return found == reply_site_.end() ? nullptr : &found->second;
}

bool Study::is_quarantined(const Digest& digest) const {
  return std::any_of(withdrawals_.begin(), withdrawals_.end(),
                     [&](const Withdrawal& one) { return one.quarantined.contains(digest); });
}

bool Study::is_lost(const Job& job) const {
  return job.is_closed() && job.state != JobState::done &&
         std::any_of(job.inputs.begin(), job.inputs.end(),
                     [&](const auto& input) { return is_quarantined(input.digest); });
}

bool Study::has_withdrawn_data(const std::string& site) const {
  const Dataset* dataset = site_dataset(site);
  if (dataset != nullptr && dataset->quarantined) return true;
  const Job* data = chain_job(site, "register-data");
  return data != nullptr && data->state == JobState::done &&
         is_quarantined(data->output("dataset"));
}

bool Study::knows_any_of(const provenance::Record& record) const {
  const auto is_known = [&](const Digest& digest) {
    if (datasets_.contains(digest) || shard_owner_.contains(digest)) return true;
    return std::any_of(jobs_.begin(), jobs_.end(), [&](const auto& entry) {
      const auto names = [&](const auto& one) { return one.digest == digest; };
      const Job& job = entry.second;
      return std::any_of(job.inputs.begin(), job.inputs.end(), names) ||
             std::any_of(job.outputs.begin(), job.outputs.end(), names);
    });
  };
  return std::any_of(record.subjects.begin(), record.subjects.end(),
                     [&](const auto& subject) { return is_known(subject.digest); });
}

const std::vector<Digest>& Study::manifests_of(const std::string& site) const {
  static const std::vector<Digest> none;
  const auto found = manifests_by_site_.find(site);
  return found == manifests_by_site_.end() ? none : found->second;
}

std::uint64_t Study::version_for(const std::string& site) const {
  if (site.empty()) return any_version_;
  const auto found = versions_.find(site);
  return found == versions_.end() ? version_ : std::max(version_, found->second);
}

void Study::touch(const std::string& site, std::uint64_t index) {
  any_version_ = index + 1;
  if (site.empty()) {
    version_ = index + 1;
  } else {
    versions_[site] = index + 1;
  }
}

}  // namespace cloister::coordinator
