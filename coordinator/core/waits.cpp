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

// Sites whose codes the model was trained on and who have not evaluated it: no release before.
std::vector<std::string> yet_to_evaluate(const Study& study, const Model& model) {
  std::set<std::string> sites;
  for (const Digest& manifest : model.manifests) {
    const Dataset* dataset = study.dataset(manifest);
    if (dataset != nullptr && !model.evaluations.contains(dataset->site))
      sites.insert(dataset->site);
  }
  return {sites.begin(), sites.end()};
}

std::string before_release(const Study& study, const std::string& site, const Model& model) {
  if (!model.untested.empty()) {
    return fmt::format(
        "model {} cannot be released: the evaluation of {} holds no membership test; {} may let "
        "that site mend its data, or leave it out, with the next plan (`cloister study amend`)",
        model.version, joined({model.untested.begin(), model.untested.end()}), study.plan().owner);
  }
  const std::size_t needed = study.plan().release_approvals;
  if (model.approvals.size() < needed) {
    return model.approvals.contains(site)
               ? fmt::format("waits for {} more sites to approve the model",
                             needed - model.approvals.size())
               : fmt::format("waits for a data steward of {} to approve model {}", site,
                             model.version);
  }
  if (const auto others = yet_to_evaluate(study, model); !others.empty())
    return fmt::format("waits for {} to evaluate model {}", joined(others), model.version);
  return fmt::format("waits for {} to release model {}", study.plan().owner, model.version);
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
  return before_release(study, site, model);
}

std::string past_deadline(const Study& study) {
  return fmt::format(
      "the study's deadline ({}) is over: nothing new is encoded or trained; {} may amend the plan "
      "with a later one, or close the study",
      study.plan().deadline, study.plan().owner);
}

bool was_trained_on(const Model& model, const Dataset& dataset) {
  return model.manifests.contains(dataset.manifest);
}

const Job* newest_training(const Study& study) {
  const auto& pooled = study.jobs_at("");
  return pooled.empty() ? nullptr : study.job(pooled.back());
}

// Whether a deadline that is over keeps the site's next step from being offered. What is trained
// already is judged all the same.
bool is_stopped(const Study& study, const Dataset* dataset) {
  if (dataset == nullptr) return true;
  if (dataset->quarantined || !dataset->admitted) return false;
  const Model* model = study.newest_model();
  if (model != nullptr && (model->quarantined || was_trained_on(*model, *dataset))) return false;
  const Job* training = newest_training(study);
  return training == nullptr || training->state == JobState::done;
}

std::string of_training(const Study& study, const BlobFacts& facts) {
  const Job* training = newest_training(study);
  if (training == nullptr || training->state == JobState::done)
    return "waits for the coordinator to offer the pooled training";
  return fmt::format("waits for the pooled training, which {}", waits_for(study, *training, facts));
}

std::string with_new_data(const Study& study, const std::string& site) {
  return fmt::format("{} takes part with new data once {} amends the plan (`cloister study amend`)",
                     site, study.plan().owner);
}

// Whoever tried to take it up again would be refused.
std::string stopped_for_good(const Study& study, const Job& job) {
  return fmt::format("stopped for good ({}): {}", job.reason,
                     study.has_withdrawn_data(job.site)
                         ? with_new_data(study, job.site)
                         : "the next network is made without what was withdrawn");
}

// What follows such a job is offered after a deadline too.
bool judges(const Job& job) {
  return job.kind == "predict" || job.kind == "tune-mask-decoder" || job.kind == "evaluate";
}

}  // namespace

std::string waits_for(const Study& study, const Job& job, const BlobFacts& facts) {
  if (study.is_lost(job)) return stopped_for_good(study, job);
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
  if (study.has_withdrawn_data(site))
    return "its data were withdrawn, nothing new is made from them: " + with_new_data(study, site);
  const bool is_over = protocol::is_over(study.plan(), now);
  const Job* last = nullptr;
  for (const JobId& id : study.jobs_at(site)) {
    const Job* job = study.job(id);
    if (job == nullptr || (job->kind == "predict" && job->part != "held-out")) continue;
    if (study.is_lost(*job)) continue;  // what follows does not wait for it
    if (job->state != JobState::done) {
      const std::string words = job->kind + ": " + waits_for(study, *job, facts);
      if (!is_over || judges(*job)) return words;
      return words + "; nothing follows it: " + past_deadline(study);
    }
    last = job;
  }
  const Dataset* dataset = study.site_dataset(site);
  if (is_over && is_stopped(study, dataset)) return "nothing: " + past_deadline(study);
  if (last == nullptr) return fmt::format("waits for {} to enrol its agent", site);
  if (dataset == nullptr) return "waits for the coordinator to offer the next job";
  if (auto words = after_chain(study, *dataset, facts); !words.empty()) return words;
  const Model* model = study.newest_model();
  // A site that came later is in the next network.
  if (model == nullptr || (!model->quarantined && !was_trained_on(*model, *dataset)))
    return of_training(study, facts);
  return after_model(study, site, *model);
}

}  // namespace cloister::coordinator
