#include <algorithm>

#include "member/contexts.h"
#include "trainer/core/trainer_state.h"

namespace cloister::trainer {
namespace {

using member::find_at;
using member::KeepAs;
using member::product_name;
using protocol::JobView;
using provenance::Json;
using provenance::RecordKind;
using Step = LocalJob::Step;

// Sealed to the agent that the consortium bound for the site, whoever the job names.
Result<const member::Member*> reader_of(const TrainerState& state, const JobView& job) {
  const member::Member* agent = state.link.membership().agent_of(job.site);
  const auto spec = provenance::parse_json(job.spec_json, {.bytes_max = 4U << 20});
  const std::string named = spec ? provenance::text_or_empty(*spec, "reply_seal") : std::string{};
  if (agent != nullptr && named == to_hex(agent->seal.view())) return agent;
  return fail(Kind::forbidden, "reply.reader",
              fmt::format("The job '{}' wants replies sealed to another key than that of the "
                          "certified agent of site '{}'.",
                          job.id, job.site),
              "Tell the study owner.");
}

Digest input_named(const JobView& job, std::string_view name) {
  for (const auto& input : job.inputs) {
    if (input.name == name) return input.digest;
  }
  return {};
}

void add_shards(member::RunWorker& order, const LocalJob& local, const std::string& folder,
                bool by_site) {
  for (const Dataset& dataset : local.datasets) {
    for (const Shard& shard : dataset.shards) {
      std::string name =
          by_site ? fmt::format("{}/{}/{:06}.safetensors", folder, dataset.site, shard.number)
                  : fmt::format("{}/{:06}", folder, shard.number);
      if (shard.purpose == "mask-decoder") name = fmt::format("decoders/{}", dataset.site);
      order.inputs.push_back(
          {std::move(name), member::FromBlob{shard.sealed, shard.wrap,
                                             member::shard_context(order.study, dataset.site)}});
    }
  }
}

// Whose codes this version learns from, in the plan's order: a quorum may be fewer than the plan
// names, and a site's data may have been withdrawn.
Json sites_of(const member::Study& study, const LocalJob& local) {
  Json sites = Json::array();
  for (const std::string& site : study.plan.sites) {
    const bool takes_part =
        std::any_of(local.datasets.begin(), local.datasets.end(),
                    [&](const Dataset& dataset) { return dataset.site == site; });
    if (takes_part) sites.push(site);
  }
  return sites;
}

Result<void> shape_prediction(const TrainerState& state, const JobView& job, const LocalJob& local,
                              member::RunWorker& order) {
  const auto reader = reader_of(state, job);
  if (!reader) return pass(reader);
  order.warm = true;
  order.resume = false;
  order.inputs.push_back({"network", member::FromOpen{input_named(job, "model")}});
  add_shards(order, local, "codes", false);
  order.keep = {{"replies/", KeepAs::sealed, (*reader)->id, (*reader)->seal,
                 member::reply_context(job.study, job.site)}};
  return {};
}

}  // namespace

Result<member::RunWorker> order_for(const TrainerState& state, const JobView& job,
                                    const LocalJob& local) {
  const member::Study* study = state.link.study(job.study);
  member::RunWorker order;
  order.job = job.id;
  order.attempt = job.attempt;
  order.study = job.study;
  Json parameters = Json::object();
  if (job.kind == "predict") {
    if (auto ok = shape_prediction(state, job, local, order); !ok) return pass(ok);
    parameters.set("site", job.site);
  } else {
    add_shards(order, local, "shards", true);
    parameters.set("sites", sites_of(*study, local));
    const auto shards =
        std::count_if(order.inputs.begin(), order.inputs.end(),
                      [](const auto& one) { return one.name.starts_with("shards/"); });
    parameters.set("shards", static_cast<std::uint64_t>(shards));
    if (state.options.ranks > 1)
      parameters.set("ranks", std::uint64_t{state.options.ranks}).set("loopback", true);
    order.keep = {{"network", KeepAs::open, {}, std::nullopt, {}}};
  }
  Json json;
  json.set("job_id", job.id.text())
      .set("kind", job.kind)
      .set("device", state.options.worker_device);
  json.set("plan", provenance::parse_json(study->plan_json).value_or(Json::object()));
  json.set("parameters", std::move(parameters));
  json.set("limits", Json().set("threads", std::uint64_t{state.options.threads}));
  order.order_json = provenance::to_jcs(json);
  return order;
}

void record_start(TrainerState& state, const JobView& job, Instant now) {
  const member::Study* study = state.link.study(job.study);
  provenance::Record record = member::job_record(RecordKind::train_started, job, *study);
  record.subjects.push_back({"spec", job.spec_digest});
  record.details.set("code", state.options.code);
  state.draft(fmt::format("started/{}", job.id), std::move(record), now);
}

namespace {

const std::string learned_prefix = "learned/";

// The job's own list: what was fetched for it is forgotten after a restart.
void remember_sites(TrainerState& state, const JobView& job, const Digest& network) {
  const auto datasets = datasets_of(job);
  if (!datasets) return;
  std::set<std::string>& sites = state.learned_from[network];
  Json list = Json::array();
  for (const Dataset& dataset : *datasets) sites.insert(dataset.site);
  for (const std::string& site : sites) list.push(site);
  state.persist(learned_prefix + to_hex(network), list);
}

}  // namespace

void restore_learned(TrainerState& state, const member::Stored& stored) {
  for (const auto& [name, value] : stored) {
    if (!name.starts_with(learned_prefix)) continue;
    const auto network = digest_from_hex(name.substr(learned_prefix.size()));
    const auto list = provenance::parse_json(as_text(value));
    if (!network || !list || list->items() == nullptr) continue;
    for (const Json& site : *list->items()) {
      if (site.text() != nullptr) state.learned_from[*network].insert(*site.text());
    }
  }
}

void record_model(TrainerState& state, const JobView& job, Instant now) {
  LocalJob& local = state.jobs[job.id];
  const member::Study* study = state.link.study(job.study);
  const member::Kept* network = member::find_kept(local.worked.kept, "network");
  const auto result = provenance::parse_json(local.worked.result_json);
  if (study == nullptr || network == nullptr || !result) {
    return fail_job(state, job,
                    Error{Kind::corrupt, "worker.result", "The worker finished without a network.",
                          "Check that worker and trainer have the same version."},
                    now);
  }
  provenance::Record completed = member::job_record(RecordKind::train_completed, job, *study);
  completed.subjects.push_back({"model", network->digest});
  member::copy_fields(*result, completed.details,
                      {"final_loss", "site_loss", "samples", "shards", "steps", "seconds"});
  completed.details.set("code", state.options.code).set("seed", study->plan.seed);
  provenance::Record produced = member::job_record(RecordKind::model_produced, job, *study);
  produced.subjects.push_back({"model", network->digest});
  produced.details.set("size", network->bytes);
  member::copy_fields(*result, produced.details, {"levels", "final_loss", "site_loss", "steps"});
  local.step = Step::sent;
  remember_sites(state, job, network->digest);
  state.draft(fmt::format("completed/{}", job.id), std::move(completed), now);
  state.draft(product_name(job.id), std::move(produced), now);
}

void begin_reply(TrainerState& state, const JobView& job, Instant now) {
  LocalJob& local = state.jobs[job.id];
  if (now < local.not_before) return;
  local.step = Step::leaving;
  for (const member::Kept& kept : local.worked.kept) {
    if (kept.as != KeepAs::sealed) continue;
    local.moving.insert(kept.digest);
    state.out.push_back(member::Upload{job.id, kept.digest, kept.bytes});
  }
  if (local.moving.empty()) {
    fail_job(state, job,
             Error{Kind::corrupt, "worker.result", "The worker finished without replies.",
                   "Check that worker and trainer have the same version."},
             now);
  }
}

namespace {

// In the order of the shards that were asked about: the site matches them by it.
void record_replies(TrainerState& state, const JobView& job, Instant now) {
  LocalJob& local = state.jobs[job.id];
  const member::Study* study = state.link.study(job.study);
  const auto datasets = datasets_of(job);
  if (study == nullptr || !datasets) return;
  provenance::Record record = member::job_record(RecordKind::prediction_batch, job, *study);
  Json replies = Json::array();
  for (const Dataset& dataset : *datasets) {
    for (const Shard& shard : dataset.shards) {
      const auto* kept =
          member::find_kept(local.worked.kept, fmt::format("replies/{:06}", shard.number));
      if (kept == nullptr) continue;
      record.subjects.push_back({fmt::format("reply-{:06}", shard.number), kept->digest});
      record.inputs.push_back(
          {"shard", fmt::format("shard-{:06}", shard.number), shard.sealed, std::nullopt});
      replies.push(
          Json().set("shard", shard.sealed).set("reply", kept->digest).set("bytes", kept->bytes));
    }
  }
  record.recipients.push_back(state.link.membership().agent_of(job.site)->id.text());
  record.details.set("replies", std::move(replies));
  local.step = Step::sent;
  if (!state.draft(product_name(job.id), std::move(record), now)) {
    fail_job(state, job,
             Error{Kind::corrupt, "worker.result", "The predictions make no whole record.",
                   "Check that worker and trainer have the same version."},
             now);
  }
}

}  // namespace

void put_reply_wraps(TrainerState& state, const JobId& id, Instant now) {
  const JobView* job = state.find_job(id);
  LocalJob* local = find_at(state.jobs, id, Step::leaving);
  if (job == nullptr || local == nullptr) return;
  const auto reader = reader_of(state, *job);
  if (!reader) return fail_job(state, *job, reader.error(), now);
  local->step = Step::wrapping;
  protocol::PutWraps put{job->study, id, (*reader)->id, {}};
  for (const member::Kept& kept : local->worked.kept) {
    if (kept.as == KeepAs::sealed) put.wraps.push_back({kept.digest, kept.wrap});
  }
  state.ask(std::move(put), [&state, id](const Result<protocol::Reply>& reply, Instant at) {
    LocalJob* waiting = find_at(state.jobs, id, Step::wrapping);
    const JobView* asked = state.find_job(id);
    if (waiting == nullptr || asked == nullptr) return;
    if (reply) return record_replies(state, *asked, at);
    waiting->step = Step::worked;
    waiting->not_before = at + member::retry_pause;
  });
}

}  // namespace cloister::trainer
