#include "coordinator/core/answers.h"

#include <algorithm>

#include "protocol/limits.h"

namespace cloister::coordinator {
namespace {

using provenance::Json;

Json words(const std::vector<std::string>& list) {
  Json json = Json::array();
  for (const std::string& word : list) json.push(word);
  return json;
}

Json digests(const std::vector<protocol::NamedDigest>& list) {
  Json json = Json::array();
  for (const auto& item : list) {
    Json row = Json::object();
    row.set("name", item.name).set("digest", item.digest).set("bytes", item.size);
    json.push(std::move(row));
  }
  return json;
}

Json job_json(const Study& study, const Job& job, const AnswerView& view) {
  const protocol::JobView seen = view_of(study, job, view.work);
  Json json = Json::object();
  json.set("id", job.id.text()).set("study", job.study.text()).set("kind", job.kind);
  const auto kind = protocol::job_kind(job.kind);
  json.set("plain", kind ? std::string(kind->plain) : "").set("site", job.site);
  json.set("assignee", job.assignee.text()).set("attempt", std::uint64_t{seen.attempt});
  json.set("state", protocol::to_string(seen.state)).set("since", to_rfc3339(job.since));
  json.set("waits_for", seen.waits_for);
  if (!job.reason.empty()) json.set("reason", job.reason);
  if (seen.progress.phase.empty()) return json;
  Json progress = Json::object();
  progress.set("phase", seen.progress.phase).set("step", seen.progress.step);
  progress.set("steps", seen.progress.steps).set("per_second", seen.progress.per_second);
  progress.set("seconds_left", seen.progress.seconds_left);
  progress.set("metrics", provenance::parse_json(seen.progress.metrics_json).value_or(Json()));
  return json.set("progress", std::move(progress));
}

Json jobs_json(const Member& asker, const Study& study, const AnswerView& view) {
  Json list = Json::array();
  for (const auto& [id, job] : study.jobs()) {
    if (sees_job(asker, study, job)) list.push(job_json(study, job, view));
  }
  return list;
}

Json dataset_json(const Dataset& dataset) {
  Json json = Json::object();
  json.set("manifest", dataset.manifest).set("bytes", dataset.bytes());
  json.set("shards", static_cast<std::uint64_t>(dataset.shards.size()));
  json.set("gate", !dataset.report ? "unreported" : dataset.gate_is_open() ? "open" : "closed");
  Json open = Json::array();
  for (const auto& [name, value] : dataset.not_passed) open.push(name);
  Json excepted = Json::array();
  for (const auto& [name, value] : dataset.exceptions) excepted.push(name);
  json.set("not_passed", std::move(open)).set("excepted", std::move(excepted));
  json.set("released", dataset.release.has_value()).set("sent", dataset.sent);
  return json.set("received", dataset.received).set("admitted", dataset.admitted);
}

void set_heard(Json& json, const MemberId& member, const AnswerView& view) {
  const auto heard = view.heard.find(member);
  const bool is_silent =
      heard == view.heard.end() || view.now - heard->second > protocol::limits::silent_after;
  if (heard != view.heard.end()) json.set("last_heard", to_rfc3339(heard->second));
  json.set("silent", is_silent);
}

Json site_json(const Study& study, const std::string& site, const AnswerView& view) {
  Json json = Json::object();
  json.set("site", site).set("waits_for", site_waits_for(study, site, view.work.facts, view.now));
  const Job* last = nullptr;
  for (const JobId& id : study.jobs_at(site)) {
    const Job* job = study.job(id);
    // What is open says where the site stands; else what was done last.
    if (job != nullptr && (last == nullptr || last->is_closed())) last = job;
  }
  json.set("state", last == nullptr
                        ? std::string("not enrolled")
                        : fmt::format("{} {}", last->kind, protocol::to_string(last->state)));
  if (last != nullptr) json.set("since", to_rfc3339(last->since));
  const Member* agent = view.work.membership.agent_of(site);
  json.set("has_agent", agent != nullptr);
  if (agent != nullptr) set_heard(json, agent->id, view);
  const Dataset* dataset = study.site_dataset(site);
  if (dataset != nullptr) json.set("dataset", dataset_json(*dataset));
  return json;
}

Json model_json(const Model& model) {
  Json json = Json::object();
  json.set("version", std::uint64_t{model.version}).set("digest", model.digest);
  Json evaluations = Json::object();
  for (const auto& [site, digest] : model.evaluations) evaluations.set(site, digest);
  json.set("evaluations", std::move(evaluations));
  json.set("approvals", words({model.approvals.begin(), model.approvals.end()}));
  json.set("datasets", static_cast<std::uint64_t>(model.manifests.size()));
  return json.set("released", model.released).set("quarantined", model.quarantined);
}

void study_heading(const Study& study, Json& json) {
  json.set("id", study.id().text()).set("title", study.plan().title).set("phase", study.phase());
  json.set("version", std::uint64_t{study.plan().version}).set("owner", study.plan().owner);
}

Json answer_study(const Member& asker, const Study& study, const AnswerView& view) {
  Json json = Json::object();
  study_heading(study, json);
  json.set("purpose", study.plan().purpose).set("legal_basis", study.plan().legal_basis);
  json.set("trainer", study.plan().trainer).set("plan", study.plan_digest());
  if (const auto end = protocol::offers_end(study.plan())) {
    json.set("deadline", study.plan().deadline).set("deadline_over", view.now >= *end);
  }
  json.set("quorum", std::uint64_t{study.plan().quorum});
  json.set("admitted", static_cast<std::uint64_t>(study.admitted().size()));
  Json sites = Json::array();
  for (const std::string& site : study.plan().sites) {
    const bool may_see = asker.site.empty() || asker.site == site;
    if (may_see) sites.push(site_json(study, site, view));
  }
  Json models = Json::array();
  for (const Model& model : study.models()) models.push(model_json(model));
  json.set("sites", std::move(sites)).set("models", std::move(models));
  json.set("withdrawals", withdrawals_json(study, view.work.membership));
  return json.set("jobs", jobs_json(asker, study, view));
}

Json answer_members(const Member& asker, const AnswerView& view) {
  Json list = Json::array();
  for (const auto& [id, member] : view.work.membership.all()) {
    Json row = Json::object();
    row.set("id", id.text()).set("role", protocol::to_string(member.role)).set("site", member.site);
    row.set("state", member.is_active() ? "active" : "revoked");
    if (member.role == protocol::Role::trainer) row.set("seal", to_hex(member.keys.seal));
    row.set("keys_since", to_rfc3339(member.keys_since));
    row.set("renew_by", to_rfc3339(member.keys_since + protocol::limits::key_life));
    const Duration left = member.keys_since + protocol::limits::key_life - view.now;
    if (member.is_active() && left < protocol::limits::key_warning) row.set("renew_now", true);
    if (!member.former.empty()) row.set("rotating", true);
    const bool may_see = sees_everything(asker) || asker.site.empty() || asker.site == member.site;
    if (may_see && !protocol::is_person(member.role)) set_heard(row, id, view);
    list.push(std::move(row));
  }
  Json json = Json::object();
  json.set("approvals_needed", std::uint64_t{view.work.membership.rules().approvals});
  return json.set("members", std::move(list));
}

Json answer_studies(const Member& asker, const AnswerView& view) {
  Json list = Json::array();
  for (const auto& [id, study] : view.work.studies) {
    if (!sees_study(asker, study)) continue;
    Json row = Json::object();
    study_heading(study, row);
    row.set("sites", words(study.plan().sites));
    list.push(std::move(row));
  }
  Json json = Json::object();
  return json.set("studies", std::move(list));
}

Json egress_row(const Study& study, const Dataset& dataset) {
  Json row = dataset_json(dataset);
  row.set("study", study.id().text()).set("site", dataset.site);
  row.set("purpose", dataset.on_demand ? "prediction" : "study");
  if (dataset.release)
    row.set("permit", dataset.release->permit).set("recipient", dataset.release->recipient);
  return row;
}

// `study`: empty for all that the asker sees.
Json answer_egress(const Member& asker, std::string_view study_id, const AnswerView& view) {
  Json list = Json::array();
  for (const auto& [id, study] : view.work.studies) {
    if (!sees_study(asker, study) || (!study_id.empty() && id.text() != study_id)) continue;
    for (const auto& [manifest, dataset] : study.datasets()) {
      if (asker.site.empty() || asker.site == dataset.site) list.push(egress_row(study, dataset));
    }
  }
  Json json = Json::object();
  return json.set("datasets", std::move(list));
}

Json answer_jobs(const Member& asker, std::string_view study_id, const AnswerView& view) {
  Json list = Json::array();
  for (const auto& [id, study] : view.work.studies) {
    if (!sees_study(asker, study) || (!study_id.empty() && id.text() != study_id)) continue;
    const Json jobs = jobs_json(asker, study, view);
    for (const Json& job : *jobs.items()) list.push(job);
  }
  Json json = Json::object();
  return json.set("jobs", std::move(list));
}

Json answer_health(const Member& asker, const AnswerView& view) {
  std::uint64_t studies = 0;
  std::uint64_t open = 0;
  for (const auto& [id, study] : view.work.studies) {
    if (!sees_study(asker, study)) continue;
    studies += 1;
    for (const auto& [job_id, job] : study.jobs()) open += job.is_closed() ? 0 : 1;
  }
  Json json = Json::object();
  json.set("studies", studies).set("jobs_open", open);
  return json.set("members", static_cast<std::uint64_t>(view.work.membership.all().size()));
}

tl::unexpected<Error> not_found(const protocol::Ask& ask) {
  return fail(Kind::not_found, "ask.not_found",
              fmt::format("There is no {} '{}', or it is not yours to see.", ask.what,
                          ask.argument.substr(0, 100)),
              "`cloister study list` and `cloister study jobs STUDY` name what there is.");
}

Result<Json> answer_job(const Member& asker, const protocol::Ask& ask, const AnswerView& view) {
  for (const auto& [id, study] : view.work.studies) {
    const Job* job = study.job(JobId::trusted(ask.argument));
    if (job == nullptr || !sees_job(asker, study, *job)) continue;
    Json json = job_json(study, *job, view);
    json.set("spec", provenance::parse_json(job->spec_json).value_or(Json()));
    json.set("spec_digest", job->spec_digest);
    return json.set("inputs", digests(job->inputs)).set("outputs", digests(job->outputs));
  }
  return not_found(ask);
}

Result<Json> answer_json(const Member& asker, const protocol::Ask& ask, const AnswerView& view) {
  if (ask.what == "health") return answer_health(asker, view);
  if (ask.what == "members") return answer_members(asker, view);
  if (ask.what == "studies") return answer_studies(asker, view);
  if (ask.what == "jobs") return answer_jobs(asker, ask.argument, view);
  if (ask.what == "egress") return answer_egress(asker, ask.argument, view);
  if (ask.what == "job") return answer_job(asker, ask, view);
  if (ask.what != "study") {
    return fail(Kind::invalid, "ask.unknown",
                fmt::format("'{}' is no question.", ask.what.substr(0, 40)),
                "Ask for health, members, studies, study, jobs, job or egress.");
  }
  const auto study = view.work.studies.find(StudyId::trusted(ask.argument));
  if (study == view.work.studies.end() || !sees_study(asker, study->second)) return not_found(ask);
  return answer_study(asker, study->second, view);
}

}  // namespace

Result<std::string> answer(const Member& asker, const protocol::Ask& ask, const AnswerView& view) {
  auto json = answer_json(asker, ask, view);
  if (!json) return pass(json);
  json->set("what", ask.what).set("at", to_rfc3339(view.now)).set("ledger_size", view.ledger_size);
  std::string text = provenance::to_jcs(*json);
  if (text.size() <= protocol::limits::text_bytes_max) return text;
  return fail(Kind::exhausted, "ask.too_large", "The answer is larger than one message may be.",
              "Ask for one study or one job.");
}

}  // namespace cloister::coordinator
