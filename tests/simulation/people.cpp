#include "people.h"

#include <algorithm>

#include "crypto/hash.h"

namespace cloister::simulation {

using coordinator::Dataset;
using coordinator::Job;
using coordinator::Study;
using protocol::JobState;
using provenance::Json;
using provenance::Record;
using provenance::RecordKind;

constexpr Duration look_every{15'000};

void People::begin() {
  look();
  parts_.timeline.after(look_every, [this] { begin(); });
}

Record People::record(RecordKind kind) const {
  Record record;
  record.kind = kind;
  record.study = parts_.plan.study;
  record.purpose = parts_.plan.purpose;
  return record;
}

Record People::decision(const Job& job, const std::string& decision) const {
  Record decided = record(RecordKind::job_approved);
  decided.job = job.id;
  decided.inputs = {{"spec", "spec", job.spec_digest, std::nullopt}};
  decided.subjects = {{"spec", job.spec_digest}};
  if (!decision.empty()) decided.details.set("decision", decision);
  return decided;
}

void People::sign(const std::string& person, const std::string& what, Record record) {
  if (posts_.contains(person) || done_.contains(person + " " + what)) return;
  const auto state = parts_.coordinator.ledger().signer(MemberId::trusted(person)).value();
  posts_[person] = {parts_.members.sign(person, std::move(record), parts_.timeline.now(),
                                        {state.last_seq + 1, state.last_leaf}),
                    what};
}

void People::hand_in(const std::string& person) {
  const Post& post = posts_.at(person);
  if (person == "owner") {
    const auto answer = [this](const protocol::Reply& reply, const Bytes&) {
      parts_.network.send("owner", [this, reply] {
        const auto* refused = std::get_if<protocol::Refused>(&reply);
        acknowledged("owner", refused ? Result<std::string>(tl::unexpected<Error>(refused->error))
                                      : Result<std::string>("{}"));
      });
    };
    parts_.network.send("owner", [this, envelope = post.envelope, answer] {
      parts_.coordinator.request(MemberId::trusted("owner"), protocol::Submit{{envelope}}, {},
                                 answer);
    });
    return;
  }
  const std::string site = parts_.members.at(person).org;
  Json list = Json::array();
  list.push(as_text(post.envelope));
  const std::string body = provenance::to_jcs(Json().set("envelopes", std::move(list)));
  parts_.agents.at(site)->person_asks(
      "submit", body, [this, person](const auto& answer) { acknowledged(person, answer); });
}

void People::acknowledged(const std::string& person, const Result<std::string>& answer) {
  const auto post = posts_.find(person);
  if (post == posts_.end()) return;
  if (answer) {
    done_.insert(person + " " + post->second.what);
  } else {
    // The agent may not know this person yet, or the line was lost: the same again.
    if (answer.error().kind == Kind::unavailable || answer.error().code == "record.signer") return;
    refusals_.insert_or_assign(person + " " + post->second.what, answer.error());
  }
  posts_.erase(post);
}

void People::look() {
  if (!parts_.coordinator.is_up()) return;
  const auto& studies = parts_.coordinator.core().studies();
  const auto study = studies.find(parts_.plan.study);
  if (study == studies.end()) {
    const std::string json = protocol::to_json(parts_.plan);
    Record opened = record(RecordKind::study_opened);
    opened.subjects = {{"plan", crypto::sha256(as_bytes(json))}};
    opened.details.set("plan", json);
    sign("owner", "open", std::move(opened));
  } else {
    if (!parts_.withdraws.empty()) withdraw(study->second);
    for (const std::string& site : parts_.plan.sites) look_at_site(study->second, site);
    look_as_owner(study->second);
  }
  for (const std::string& site : parts_.plan.sites) {
    Record policy;
    policy.kind = RecordKind::policy_published;
    policy.subjects = {{"policy", crypto::sha256(as_bytes(parts_.policy_text + site))}};
    policy.details.set("site", site).set("policy", parts_.policy_text + site);
    sign("admin-" + site, "policy", std::move(policy));
  }
  std::vector<std::string> waiting;
  for (const auto& [person, post] : posts_) waiting.push_back(person);
  for (const std::string& person : waiting) {
    if (posts_.contains(person)) hand_in(person);
  }
}

void People::approve_jobs(const Study& study, const std::string& site) {
  for (const JobId& id : study.jobs_at(site)) {
    const Job& job = *study.job(id);
    const std::string name = id.text() + " " + std::to_string(job.changed);
    const bool is_trainers = job.kind == "predict";
    const bool is_lost = std::any_of(job.inputs.begin(), job.inputs.end(), [&](const auto& input) {
      return study.is_quarantined(input.digest);
    });
    if (is_trainers || job.kind == "release" || is_lost) continue;
    if (job.state == JobState::offered && parts_.by_hand.contains(site))
      sign("admin-" + site, "approve " + name, decision(job, ""));
    if (job.state == JobState::failed)
      sign("admin-" + site, "retry " + name, decision(job, "retry"));
  }
}

void People::permit(const Study& study, const std::string& site) {
  const Dataset* dataset = study.site_dataset(site);
  if (dataset == nullptr || !dataset->report || dataset->quarantined) return;
  Record granted = record(RecordKind::permit_granted);
  granted.inputs = {{"manifest", "manifest", dataset->manifest, std::nullopt},
                    {"report", "report", *dataset->report, std::nullopt}};
  provenance::Permit permit;
  permit.recipient = parts_.plan.trainer;
  permit.recipient_key = parts_.plan.trainer_seal_key;
  permit.reason = "agreed by the data board";
  const std::string what = to_hex(dataset->manifest);
  if (!dataset->gate_is_open()) {
    permit.type = provenance::Permit::Type::exception;
    for (const auto& [name, value] : dataset->not_passed)
      permit.indicators.push_back({name, value, 0.5, *dataset->report, false});
    granted.subjects = {{"permit", crypto::sha256(as_bytes("exception " + what))}};
    granted.details = provenance::to_details(permit);
    return sign("steward-" + site, "exception " + what, std::move(granted));
  }
  if (dataset->release) return;
  permit.purposes = {"training", "tuning", "evaluation"};
  granted.subjects = {{"permit", crypto::sha256(as_bytes("release " + what))}};
  granted.details = provenance::to_details(permit);
  sign("steward-" + site, "release " + what, std::move(granted));
}

void People::withdraw(const Study& study) {
  const Job* data = study.chain_job(parts_.withdraws, "register-data");
  if (data == nullptr || data->state != JobState::done ||
      parts_.timeline.now() < parts_.withdraws_at)
    return;
  Record taken = record(RecordKind::consent_withdrawn);
  taken.subjects = {{"dataset", data->output("dataset")}};
  taken.reason = "asked for by patients";
  sign("steward-" + parts_.withdraws, "withdrawal", std::move(taken));
}

// The network gives training patients away: without this its release is refused.
Record People::model_exception(const coordinator::Model& model, const std::string& site) const {
  Record granted = record(RecordKind::permit_granted);
  const Digest evaluation = model.evaluations.at(site);
  granted.inputs = {{"model", "model", model.digest, std::nullopt},
                    {"evaluation", "evaluation", evaluation, std::nullopt}};
  provenance::Permit permit;
  permit.type = provenance::Permit::Type::exception;
  permit.recipient = parts_.plan.trainer;
  permit.recipient_key = parts_.plan.trainer_seal_key;
  permit.reason = "agreed by the data board";
  permit.indicators = {{"membership-auc", 0.7, 0.6, evaluation, false}};
  granted.subjects = {
      {"permit", crypto::sha256(as_bytes("model exception " + site + to_hex(evaluation)))}};
  granted.details = provenance::to_details(permit);
  return granted;
}

void People::look_at_site(const Study& study, const std::string& site) {
  approve_jobs(study, site);
  permit(study, site);
  const coordinator::Model* model = study.newest_model();
  if (model == nullptr || model->quarantined || !model->evaluations.contains(site)) return;
  if (!model->approvals.contains(site)) {
    sign("steward-" + site, "model exception " + to_hex(model->digest),
         model_exception(*model, site));
    Record approved = record(RecordKind::model_approved);
    approved.subjects = {{"model", model->digest}};
    sign("steward-" + site, "model " + to_hex(model->digest), std::move(approved));
  }
  if (study.has_standing_permit(site)) return;
  provenance::Permit permit;
  permit.type = provenance::Permit::Type::standing;
  permit.purposes = {"prediction"};
  permit.recipient = parts_.plan.trainer;
  permit.recipient_key = parts_.plan.trainer_seal_key;
  Record standing = record(RecordKind::permit_granted);
  standing.subjects = {{"permit", crypto::sha256(as_bytes("standing " + site))}};
  standing.inputs = {{"model", "model", model->digest, std::nullopt}};
  standing.details = provenance::to_details(permit);
  sign("steward-" + site, "standing", std::move(standing));
}

void People::release_rashly(const coordinator::Model& model) {
  const std::string what = "rash release " + to_hex(model.digest);
  if (model.approvals.empty() || refusals_.contains("owner " + what)) return;
  Record released = record(RecordKind::model_released);
  released.subjects = {{"model", model.digest}};
  released.approvals = parts_.ledger.approvals_of(model.digest);
  sign("owner", what, std::move(released));
}

void People::look_as_owner(const Study& study) {
  for (const auto& [id, job] : study.jobs()) {
    const bool is_trainers = job.kind == "predict" || job.kind == "train-segmentation";
    const bool is_lost = std::any_of(job.inputs.begin(), job.inputs.end(), [&](const auto& input) {
      return study.is_quarantined(input.digest);
    });
    if (is_trainers && !is_lost && job.state == JobState::failed)
      sign("owner", "retry " + id.text() + std::to_string(job.changed), decision(job, "retry"));
  }
  const coordinator::Model* model = study.newest_model();
  if (model != nullptr && !model->released && !model->quarantined) release_rashly(*model);
  if (model == nullptr || model->released || model->quarantined ||
      model->evaluations.size() < parts_.plan.sites.size() ||
      model->approvals.size() < parts_.plan.release_approvals)
    return;
  Record released = record(RecordKind::model_released);
  released.subjects = {{"model", model->digest}};
  released.approvals = parts_.ledger.approvals_of(model->digest);
  released.reason = "agreed by the consortium's board";
  sign("owner", "release " + to_hex(model->digest), std::move(released));
}

}  // namespace cloister::simulation
