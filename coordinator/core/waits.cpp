// In words: what a job or a site waits for, and whose move it is.
#include <algorithm>
#include <array>

#include "coordinator/core/study.h"

namespace cloister::coordinator {
namespace {

using protocol::JobState;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string missing_shards(const Study& study, const Dataset& dataset, const BlobFacts& facts) {
  const MemberId trainer = MemberId::trusted(study.plan().trainer);
  const auto missing =
      std::count_if(dataset.shards.begin(), dataset.shards.end(),
                    [&](const Shard& shard) { return !facts.can_open(shard.digest, trainer); });
  return fmt::format("{} of {} shards", missing, dataset.shards.size());
}

std::string offered_release(const Study& study, const Job& job) {
  const Dataset* dataset = study.site_dataset(job.site);
  if (dataset != nullptr && !dataset->gate_is_open()) {
    return fmt::format(
        "waits for exceptions, each signed by a data steward of {}, for what the "
        "gate did not pass ({}), and for the release permit",
        job.site, joined(dataset->indicators_to_except()));
  }
  return fmt::format("waits for a data steward of {} to sign the release permit", job.site);
}

std::string of_release(const Study& study, const Job& job, const BlobFacts& facts) {
  const Dataset* dataset = study.site_dataset(job.site);
  if (dataset == nullptr) return "waits for the encoded dataset";
  return fmt::format("waits for {} to upload {}", job.assignee,
                     missing_shards(study, *dataset, facts));
}

std::string after_chain(const Study& study, const Dataset& dataset, const BlobFacts& facts) {
  if (dataset.quarantined) return "its data were withdrawn: nothing new is made from them";
  if (!dataset.received)
    return fmt::format("waits for {} to arrive: the agent's move",
                       missing_shards(study, dataset, facts));
  if (!dataset.admitted) return "waits for the coordinator to admit the dataset";
  const std::size_t admitted = study.admitted().size();
  if (study.newest_model() == nullptr && admitted < study.plan().quorum) {
    return fmt::format("waits for {} more sites to release their codes (quorum {})",
                       study.plan().quorum - admitted, study.plan().quorum);
  }
  return {};
}

std::string after_model(const Study& study, const std::string& site, const Model& model) {
  if (model.quarantined) {
    return fmt::format(
        "model {} was made from withdrawn data: waits for a model without them, or "
        "for {} to say why there is none",
        model.version, study.plan().owner);
  }
  if (!model.evaluations.contains(site))
    return fmt::format("waits for the trainer's predictions of model {}", model.version);
  if (model.released) return "done: the model is released";
  const std::size_t needed = study.plan().release_approvals;
  if (model.approvals.size() < needed) {
    return model.approvals.contains(site)
               ? fmt::format("waits for {} more sites to approve the model",
                             needed - model.approvals.size())
               : fmt::format("waits for a data steward of {} to approve model {}", site,
                             model.version);
  }
  return fmt::format("waits for {} to release model {}", study.plan().owner, model.version);
}

std::string of_training(const Study& study, const BlobFacts& facts) {
  const Job* training = nullptr;
  for (const JobId& id : study.jobs_at("")) training = study.job(id);
  if (training == nullptr) return "waits for the coordinator to offer the pooled training";
  return fmt::format("waits for the pooled training, which {}", waits_for(study, *training, facts));
}

std::string past_deadline(const Study& study) {
  return fmt::format(
      "the study's deadline ({}) is over and no job is offered any more; {} may amend the plan "
      "with a "
      "later one, or close the study",
      study.plan().deadline, study.plan().owner);
}

// Whether the site's next step is a job that was not offered yet.
bool needs_offer(const Study& study, const std::string& site, const Dataset* dataset) {
  if (dataset == nullptr) return true;
  if (dataset->quarantined || !dataset->admitted) return false;
  const Model* model = study.newest_model();
  if (model == nullptr) return study.jobs_at("").empty();
  return !model->quarantined && !model->evaluations.contains(site);
}

}  // namespace

std::string waits_for(const Study& study, const Job& job, const BlobFacts& facts) {
  switch (job.state) {
    case JobState::offered:
      if (job.needs_permit) return offered_release(study, job);
      return fmt::format("waits for approval by the policy or a person of {}", job.site);
    case JobState::approved:
    case JobState::running:
      if (job.kind == "release") return of_release(study, job, facts);
      if (job.failures > 0) {
        return fmt::format("waits for {} to try again (attempt {} of {}; last: {})", job.assignee,
                           job.failures + 1, attempts_max, job.reason);
      }
      return fmt::format("waits for {} to do it", job.assignee);
    case JobState::held:
      return fmt::format("held ({}): waits for a person of {} to resume it", job.reason,
                         job.site.empty() ? job.assignee.text() : job.site);
    case JobState::failed:
      return fmt::format("failed ({}): a person of {} may retry it", job.reason,
                         job.site.empty() ? job.assignee.text() : job.site);
    case JobState::denied:
      return fmt::format("denied ({}): {} may take it back with retry", job.reason,
                         job.site.empty() ? job.assignee.text() : job.site);
    case JobState::aborted:
      return fmt::format("was aborted ({}): {} may take it up with retry", job.reason,
                         job.site.empty() ? study.plan().owner : job.site);
    case JobState::done:
      return "nothing: done";
  }
  return {};
}

std::string site_waits_for(const Study& study, const std::string& site, const BlobFacts& facts,
                           Instant now) {
  if (study.is_closed()) return "nothing: the study is closed";
  const bool is_over = protocol::is_over(study.plan(), now);
  const Job* last = nullptr;
  for (const JobId& id : study.jobs_at(site)) {
    const Job* job = study.job(id);
    if (job == nullptr || (job->kind == "predict" && job->part != "held-out")) continue;
    if (job->state != JobState::done) {
      const std::string words = job->kind + ": " + waits_for(study, *job, facts);
      return is_over ? words + "; nothing follows it: " + past_deadline(study) : words;
    }
    last = job;
  }
  const Dataset* dataset = study.site_dataset(site);
  if (is_over && needs_offer(study, site, dataset)) return "nothing: " + past_deadline(study);
  if (last == nullptr) return fmt::format("waits for {} to enrol its agent", site);
  if (dataset == nullptr) return "waits for the coordinator to offer the next job";
  if (auto words = after_chain(study, *dataset, facts); !words.empty()) return words;
  const Model* model = study.newest_model();
  return model == nullptr ? of_training(study, facts) : after_model(study, site, *model);
}

}  // namespace cloister::coordinator
