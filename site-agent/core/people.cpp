// What people at the site ask of their agent, over its control socket.
#include <algorithm>
#include <array>

#include "member/withdrawals.h"
#include "protocol/jobs.h"
#include "protocol/reply_as.h"
#include "site-agent/core/agent_state.h"

namespace cloister::site_agent {
namespace {

using protocol::JobView;
using provenance::Json;
using provenance::RecordKind;
using provenance::text_or_empty;

struct Question {
  std::uint64_t number = 0;
  std::string verb;
  Json body;
};

std::string ok(Json json) { return provenance::to_jcs(json); }

tl::unexpected<Error> no_such_job(const std::string& id) {
  return fail(Kind::not_found, "job.not_found", fmt::format("There is no job '{}' here.", id),
              "List the jobs with `cloister site jobs`.");
}

Json job_json(const AgentState& state, const JobView& job) {
  Json json;
  json.set("id", job.id.text()).set("kind", job.kind).set("study", job.study.text());
  json.set("state", protocol::to_string(job.state)).set("attempt", std::uint64_t{job.attempt});
  json.set("assignee", job.assignee.text()).set("since", to_rfc3339(job.since));
  json.set("waits_for", job.waits_for);
  if (const auto kind = protocol::job_kind(job.kind)) {
    json.set("plain", kind->plain).set("leaves_site", kind->leaves_site);
  }
  const auto local = state.jobs.find(job.id);
  if (local != state.jobs.end()) json.set("here", local->second.waits_for);
  const protocol::JobProgress* progress = state.link.progress(job.id);
  if (progress != nullptr) {
    Json part;
    part.set("phase", progress->phase).set("step", progress->step).set("steps", progress->steps);
    part.set("per_second", progress->per_second).set("seconds_left", progress->seconds_left);
    auto metrics = provenance::parse_json(progress->metrics_json);
    if (metrics) part.set("metrics", std::move(*metrics));
    json.set("progress", std::move(part));
  }
  return json;
}

Json policy_json(const AgentState& state) {
  const SitePolicy& policy = state.options.policy;
  Json automatic = Json::array();
  for (const std::string& kind : policy.automatic) automatic.push(kind);
  Json json;
  json.set("digest", policy.digest).set("published", state.policy_is_published());
  json.set("automatic", std::move(automatic)).set("text", policy.text);
  if (state.published) json.set("signer", state.published->signer);
  return json;
}

std::string status(const AgentState& state, Instant now) {
  const member::Link& link = state.link;
  Json json = member::line_json(link);
  json.set("running", state.worker ? state.worker->text() : std::string{});
  json.set("policy", policy_json(state)).set("keys", member::keys_json(link, now));
  Json studies = Json::array();
  for (const auto& [id, study] : link.studies()) {
    studies.push(Json()
                     .set("study", id.text())
                     .set("phase", study.phase)
                     .set("title", study.plan.title)
                     .set("purpose", study.plan.purpose));
  }
  for (const auto& [id, error] : link.refused_studies()) {
    studies.push(Json().set("study", id.text()).set("refused", error.what));
  }
  json.set("studies", std::move(studies));
  json.set("jobs", std::uint64_t{link.work().jobs.size()});
  return ok(std::move(json));
}

std::string jobs(const AgentState& state) {
  Json list = Json::array();
  for (const JobView& job : state.link.work().jobs) list.push(job_json(state, job));
  return ok(Json().set("jobs", std::move(list)));
}

Result<const JobView*> job_of(const AgentState& state, const Question& question) {
  const std::string id = text_or_empty(question.body, "job");
  const JobView* job = state.find_job(JobId::trusted(id));
  if (job == nullptr) return no_such_job(id);
  return job;
}

// On which data, as far as it is known here. Counts, never names.
Json data_json(const AgentState& state, const JobView& job) {
  Json json = Json::object();
  json.set("folder", state.options.policy.data_root);
  const Product* registered = state.products.newest(job.study, "register-data");
  const Json* splits = registered == nullptr ? nullptr : registered->result.find("splits");
  std::uint64_t patients = 0;
  if (splits != nullptr && splits->fields() != nullptr) {
    for (const auto& [name, split] : *splits->fields())
      patients += provenance::count_at(split, "patients").value_or(0);
    json.set("patients", patients).set("splits", *splits);
  }
  return json;
}

// Everything that a person needs to decide.
Result<std::string> show(const AgentState& state, const Question& question) {
  const auto job = job_of(state, question);
  if (!job) return pass(job);
  Json json = job_json(state, **job);
  json.set("spec_digest", (*job)->spec_digest);
  if (auto spec = provenance::parse_json((*job)->spec_json)) json.set("spec", std::move(*spec));
  Json inputs = Json::array();
  for (const auto& input : (*job)->inputs) {
    inputs.push(Json().set("name", input.name).set("digest", input.digest));
  }
  json.set("inputs", std::move(inputs));
  const member::Study* study = state.link.study((*job)->study);
  if (study != nullptr) {
    const Decision decision =
        decide(state.options.policy, state.policy_is_published(), *study, **job);
    const auto local = state.jobs.find((*job)->id);
    const bool is_said_here = (*job)->state == protocol::JobState::offered &&
                              local != state.jobs.end() && !local->second.waits_for.empty();
    json.set("policy", is_said_here ? local->second.waits_for : decision.why);
    json.set("policy_digest", state.options.policy.digest);
    json.set("data", data_json(state, **job));
    json.set("compared", compared(state.agreements, **job, *study));
    if (const auto would_leave = preview_of(state, **job); would_leave && (*job)->kind == "release")
      json.set("would_leave", provenance::parse_json(*would_leave).value_or(Json::object()));
    json.set("title", study->plan.title).set("purpose", study->plan.purpose);
    json.set("legal_basis", study->plan.legal_basis).set("owner", study->plan.owner);
    json.set("plan", study->plan_digest);
    if (auto plan = provenance::parse_json(study->plan_json)) {
      json.set("plan_json", std::move(*plan));
    }
  }
  return ok(std::move(json));
}

// Where the site's data lie and which of it is taken back: for whoever looks through it here.
std::string data(const AgentState& state) {
  const SitePolicy& policy = state.options.policy;
  Json withdrawn = Json::array();
  for (const std::string& name : policy.withdrawn) withdrawn.push(name);
  return ok(Json()
                .set("root", policy.data_root)
                .set("centre", policy.data_centre)
                .set("withdrawn", std::move(withdrawn)));
}

// What a study would ask of this site, and what the site's policy says to it as a whole.
Result<std::string> about_study(const AgentState& state, const Question& question) {
  const std::string id = text_or_empty(question.body, "study");
  const auto refused = state.link.refused_studies().find(StudyId::trusted(id));
  if (refused != state.link.refused_studies().end()) return tl::unexpected(refused->second);
  const member::Study* known = state.link.study(StudyId::trusted(id));
  if (known == nullptr) {
    return fail(Kind::not_found, "study.not_found",
                fmt::format("No study '{}' asks anything of this site.", id),
                "`cloister site status` names the studies.");
  }
  JobView first;  // no study begins without it
  first.study = known->plan.study;
  first.kind = "register-data";
  const SitePolicy& policy = state.options.policy;
  const Decision decision = decide(policy, state.policy_is_published(), *known, first);
  const Left left = state.left_for(first.study, Digest{});
  Json json;
  json.set("study", id).set("phase", known->phase).set("plan", known->plan_digest);
  json.set("plan_json", provenance::parse_json(known->plan_json).value_or(Json::object()));
  json.set("allowed", decision.ruling != Ruling::never).set("policy", decision.why);
  json.set("limits", Json()
                         .set("cases_min", policy.cases_min)
                         .set("leave_cases_max", policy.leave_cases_max)
                         .set("leave_bytes_max", policy.leave_bytes_max));
  json.set("left", Json().set("bytes", left.bytes).set("cases", left.cases));
  json.set("recipient", known->trainer.id.text());
  json.set("recipient_key", to_hex(known->trainer.seal.view()));
  json.set("learnt_from_us", state.products.newest(first.study, "evaluate") != nullptr);
  json.set("standing", standing_permit(state, *known) != nullptr);
  return ok(std::move(json));
}

bool is_withdrawn(const AgentState& state, const JobView& job) {
  for (const protocol::StudyView& view : state.link.work().studies) {
    if (view.study != job.study) continue;
    return reads_quarantined(job, member::withdrawals_of(view, state.link.membership()));
  }
  return false;
}

Result<std::string> preview(const AgentState& state, const Question& question) {
  const auto job = job_of(state, question);
  if (!job) return pass(job);
  if (is_withdrawn(state, **job)) {
    return fail(Kind::conflict, "preview.withdrawn",
                fmt::format("The data of this site in study '{}' were withdrawn: nothing made from "
                            "them leaves any more.",
                            (*job)->study),
                "Nothing to do. New data come under an amended plan (`cloister study amend`).");
  }
  const auto json = preview_of(state, **job);
  if (json) return *json;
  return fail(Kind::not_found, "preview.nothing",
              "Nothing of this job's study is encoded here yet, so nothing could leave.",
              "Wait for the job 'encode'.");
}

// What this site's newest evaluation says of the shared network's memory of its training patients.
Result<std::string> evaluation(const AgentState& state, const Question& question) {
  const StudyId study = StudyId::trusted(text_or_empty(question.body, "study"));
  const Product* evaluated = state.products.newest(study, "evaluate");
  const member::Study* known = state.link.study(study);
  if (evaluated == nullptr || known == nullptr) {
    return fail(Kind::not_found, "evaluation.nothing",
                fmt::format("This site has not evaluated a network of study '{}' yet.", study),
                "Wait for the job 'evaluate'.");
  }
  Json json;
  json.set("study", study.text()).set("evaluation", evaluated->digest);
  json.set("model", text_or_empty(evaluated->result, "model"));
  json.set("recipient", known->trainer.id.text());
  json.set("recipient_key", to_hex(known->trainer.seal.view()));
  const Json* tests = evaluated->result.find("membership");
  json.set("membership", tests == nullptr ? Json::array() : *tests);
  return ok(std::move(json));
}

std::string egress(const AgentState& state) {
  Json list = Json::array();
  for (const auto& [key, entry] : state.left) {
    list.push(Json()
                  .set("study", key.first.text())
                  .set("manifest", key.second)
                  .set("bytes", entry.bytes)
                  .set("cases", entry.cases)
                  .set("purpose", entry.prediction ? "prediction" : "release")
                  .set("at", to_rfc3339(entry.at)));
  }
  return ok(Json().set("left", std::move(list)));
}

// --- What people sign ---------------------------------------------------------------------------

struct Relayed {
  std::vector<Bytes> envelopes;
  std::vector<member::SignedRecord> records;
};

tl::unexpected<Error> no_person_of(const AgentState& state, const MemberId& id) {
  return fail(Kind::forbidden, "submit.signer",
              fmt::format("'{}' is no person of site '{}'.", id, state.site()),
              "Sign with the key of an administrator or steward of this site.");
}

// A signature that would change nothing here is refused rather than left to be believed.
Result<void> check_policy(const AgentState& state, const member::SignedRecord& opened) {
  if (opened.record.kind != RecordKind::policy_published) return {};
  if (opened.signer.role != protocol::Role::site_admin) {
    return fail(Kind::forbidden, "policy.signer",
                fmt::format("'{}' is no site administrator: nothing here would follow this policy.",
                            opened.signer.id),
                "A site administrator of this site signs it.");
  }
  const Digest& running = state.options.policy.digest;
  const auto& subjects = opened.record.subjects;
  if (!subjects.empty() && subjects.front().digest == running) return {};
  return fail(
      Kind::conflict, "policy.not_running",
      fmt::format("The agent runs with another policy ({}) than this one.", short_hex(running)),
      "Put the file where agent.toml names it, then sign with `cloister site publish-policy`: the "
      "agent reads it again.");
}

Result<Relayed> relayed(const AgentState& state, const Question& question) {
  const Json* list = question.body.find("envelopes");
  if (list == nullptr || list->items() == nullptr || list->items()->empty()) {
    return fail(Kind::invalid, "submit.empty", "No signed record came with the request.",
                "Sign with a key of this site.");
  }
  Relayed out;
  for (const Json& item : *list->items()) {
    // As text or as an object: what was signed is inside, in base64.
    Bytes envelope = to_bytes(item.text() != nullptr ? *item.text() : provenance::to_jcs(item));
    auto opened = state.link.membership().open(envelope);
    if (!opened) return pass(opened);
    if (opened->signer.site != state.site() || !protocol::is_person(opened->signer.role)) {
      return no_person_of(state, opened->signer.id);
    }
    if (auto ok = check_policy(state, *opened); !ok) return pass(ok);
    const std::string about = text_or_empty(question.body, "job");
    if (!about.empty() && opened->record.job.text() != about &&
        opened->record.kind != RecordKind::permit_granted) {
      return fail(Kind::invalid, "submit.job", "The signed record is about another job.",
                  "Show the job again and sign what it says now.");
    }
    out.envelopes.push_back(std::move(envelope));
    out.records.push_back(std::move(*opened));
  }
  return out;
}

// A person's later word lifts an earlier stop, whatever the coordinator's list said meanwhile.
void go_on(AgentState& state, const JobId& job) {
  if (state.stopped_here.erase(job) > 0) state.forget(fmt::format("{}{}", stopped_prefix, job));
}

// What a record that is in the ledger now means here.
void take(AgentState& state, const member::SignedRecord& signed_record) {
  const provenance::Record& record = signed_record.record;
  if (record.kind == RecordKind::job_approved) {
    go_on(state, record.job);
    state.approvals[record.job] = signed_record.leaf;
    state.persist(fmt::format("approval/{}", record.job), Json().set("leaf", signed_record.leaf));
    if (const member::Study* study = state.link.study(record.study))
      state.add(state.agreements.person_agreed(record.study, study->plan.version));
    const auto local = state.jobs.find(record.job);
    if (local != state.jobs.end()) local->second.failed_attempt = 0;
  }
  const bool is_policy = record.kind == RecordKind::policy_published &&
                         signed_record.signer.role == protocol::Role::site_admin &&
                         !record.subjects.empty() &&
                         record.subjects.front().digest == state.options.policy.digest;
  if (!is_policy) return;
  state.published = PublishedPolicy{state.options.policy.digest, signed_record.signer.id.text()};
  state.persist(
      "policy",
      Json().set("digest", state.published->digest).set("signer", state.published->signer));
}

void submit(AgentState& state, const Question& question) {
  auto relay = relayed(state, question);
  if (!relay) return state.tell(question.number, tl::unexpected(relay.error()));
  // A person who stops a job is obeyed at once; the ledger hears of it as soon as it is reached.
  std::vector<JobId> stopped;
  for (const auto& one : relay->records) {
    if (one.record.kind == RecordKind::job_denied &&
        state.stopped_here.emplace(one.record.job, Stopped::being_told).second)
      stopped.push_back(one.record.job);
  }
  const auto then = [&state, number = question.number, records = std::move(relay->records),
                     stopped](const Result<protocol::Reply>& reply, Instant) {
    const auto receipts = protocol::reply_as<protocol::Receipts>(reply);
    if (!receipts) {
      std::erase_if(state.stopped_here, [&](const auto& one) {
        return one.second == Stopped::being_told &&
               std::find(stopped.begin(), stopped.end(), one.first) != stopped.end();
      });
      return state.tell(number, pass(receipts));
    }
    Json list = Json::array();
    for (const auto& receipt : receipts->receipts) {
      list.push(Json().set("index", receipt.index).set("leaf", receipt.leaf_hash));
    }
    for (const auto& record : records) take(state, record);
    state.tell(number, ok(Json().set("receipts", std::move(list))));
  };
  // What stops a job here goes on trying to reach the ledger. All else is given up within seconds
  // and then never sent, so that nothing leaves or runs that a person was told had failed; of what
  // was on its way already they are told that its outcome is not known.
  if (!stopped.empty()) return state.ask(protocol::Submit{relay->envelopes}, then);
  state.ask_for_person(protocol::Submit{relay->envelopes}, then);
}

void signer(AgentState& state, const Question& question) {
  const auto member = MemberId::parse(text_or_empty(question.body, "member"));
  if (!member) return state.tell(question.number, tl::unexpected(member.error()));
  const member::Member* known = state.link.membership().find(*member);
  // One that this agent has not heard of yet may be new: the coordinator knows.
  if (known != nullptr && known->site != state.site())
    return state.tell(question.number, no_person_of(state, *member));
  state.ask_for_person(
      protocol::FetchSigner{*member},
      [&state, number = question.number](const Result<protocol::Reply>& reply, Instant) {
        const auto place = protocol::reply_as<protocol::SignerState>(reply);
        if (!place) return state.tell(number, pass(place));
        state.tell(number,
                   ok(Json().set("last_seq", place->last_seq).set("last_leaf", place->last_leaf)));
      });
}

// For a person who cannot sign, as the coordinator is not reached to say where their records stand.
// Whoever may use this socket may end the whole agent as well.
void stop_here(AgentState& state, const Question& question) {
  const auto job = job_of(state, question);
  if (!job) return state.tell(question.number, pass(job));
  if ((*job)->assignee != state.options.link.self) {
    return state.tell(question.number,
                      fail(Kind::forbidden, "job.elsewhere",
                           fmt::format("The job '{}' does not run on this machine.", (*job)->id),
                           "Its owner stops it with `cloister study hold`."));
  }
  const JobId id = (*job)->id;
  if (state.link.records().knows(member::product_name(id))) {
    return state.tell(question.number,
                      fail(Kind::conflict, "job.done_here",
                           fmt::format("The job '{}' is done here; its record is on the way.", id),
                           "Stop the job that follows it."));
  }
  state.stopped_here[id] = Stopped::not_told;
  state.persist(fmt::format("{}{}", stopped_prefix, id), Json::object());
  state.notice(member::NoticeLevel::warn, "job.stopped_here",
               fmt::format("Job '{}' was stopped on this machine; the ledger does not know.", id),
               id);
  state.tell(question.number, ok(Json().set("stopped", id.text())));
}

void forgive(AgentState& state, const Question& question) {
  if (!state.link.watch().halted()) {
    return state.tell(question.number, fail(Kind::conflict, "agent.not_halted",
                                            "The agent is not halted.", "Nothing to do."));
  }
  state.add(state.link.forgive());
  state.tell(question.number, ok(Json().set("halted", false)));
}

constexpr std::array signing_verbs{"submit", "approve", "deny",  "hold",
                                   "resume", "retry",   "abort", "release"};

}  // namespace

void on_person(AgentState& state, const member::PersonAsked& event, Instant now) {
  if (event.verb == "predict") return start_prediction(state, event, now);
  auto body = provenance::parse_json(event.body_json, {.bytes_max = 4U << 20});
  if (!body) return state.tell(event.question, tl::unexpected(body.error()));
  const Question question{event.question, event.verb, std::move(*body)};
  const auto& verb = question.verb;
  if (verb == "status") return state.tell(question.number, status(state, now));
  if (verb == "jobs") return state.tell(question.number, jobs(state));
  if (verb == "show") return state.tell(question.number, show(state, question));
  if (verb == "preview") return state.tell(question.number, preview(state, question));
  if (verb == "evaluation") return state.tell(question.number, evaluation(state, question));
  if (verb == "egress") return state.tell(question.number, egress(state));
  if (verb == "data") return state.tell(question.number, data(state));
  if (verb == "study") return state.tell(question.number, about_study(state, question));
  if (verb == "withdrawable") {
    const StudyId study = StudyId::trusted(text_or_empty(question.body, "study"));
    return state.tell(question.number, withdrawable(state, study));
  }
  if (verb == "signer") return signer(state, question);
  if (verb == "stop-here") return stop_here(state, question);
  if (verb == "forgive") return forgive(state, question);
  if (verb == "rotate" || verb == "retire")
    return state.add(state.own_keys.asked(state.link, event, now));
  if (std::find(signing_verbs.begin(), signing_verbs.end(), verb) != signing_verbs.end()) {
    return submit(state, question);
  }
  state.tell(question.number,
             fail(Kind::unsupported, "control.unknown_verb",
                  fmt::format("The agent does not understand '{}'.", verb.substr(0, 40)),
                  "Upgrade the agent, or see `cloister site --help`."));
}

}  // namespace cloister::site_agent
