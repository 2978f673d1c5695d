#include "coordinator/core/planner.h"

#include <algorithm>
#include <array>

namespace cloister::coordinator {
namespace {

using protocol::JobState;
using protocol::NamedDigest;
using provenance::Json;
using provenance::RecordKind;

constexpr std::array<std::string_view, 6> chain{"register-data",      "train-image-encoder",
                                                "train-mask-encoder", "encode",
                                                "assess-privacy",     "release"};

struct Planning {
  const Study& study;
  const Membership& membership;
  const BlobFacts& facts;
  std::vector<Draft> drafts;

  [[nodiscard]] MemberId trainer() const { return MemberId::trusted(study.plan().trainer); }
};

bool is_done(const Job* job) { return job != nullptr && job->state == JobState::done; }

NamedDigest product(const Study& study, const std::string& site, std::string_view kind,
                    std::string_view name) {
  const Job* job = study.chain_job(site, kind);
  return {std::string(name), job == nullptr ? Digest{} : job->output(name), 0};
}

std::vector<NamedDigest> chain_inputs(const Study& study, const std::string& site,
                                      std::string_view kind) {
  std::vector<NamedDigest> inputs;
  if (kind == "register-data") return inputs;
  if (kind == "release") {
    inputs.push_back(product(study, site, "encode", "manifest"));
    inputs.push_back(product(study, site, "assess-privacy", "report"));
    return inputs;
  }
  if (kind == "assess-privacy") inputs.push_back(product(study, site, "encode", "manifest"));
  inputs.push_back(product(study, site, "register-data", "dataset"));
  if (kind == "encode" || kind == "assess-privacy") {
    inputs.push_back(product(study, site, "train-image-encoder", "image-encoder"));
    inputs.push_back(product(study, site, "train-mask-encoder", "mask-encoder"));
  }
  return inputs;
}

void plan_chain(Planning& planning, const std::string& site) {
  const Study& study = planning.study;
  const Member* agent = planning.membership.agent_of(site);
  if (agent == nullptr) return;  // offered once the site is enrolled
  // What was withdrawn is not encoded on; an amended plan begins a new chain.
  const Job* data = study.chain_job(site, "register-data");
  if (is_done(data) && study.is_quarantined(data->output("dataset"))) return;
  for (const std::string_view kind : chain) {
    const Job* job = study.chain_job(site, kind);
    if (is_done(job)) continue;
    if (job != nullptr) return;
    Offer offer{std::string(kind), site, study.plan().version, {}, agent->id, {}, Json::object()};
    offer.inputs = chain_inputs(study, site, kind);
    planning.drafts.push_back(offer_draft(study, offer));
    return;
  }
}

Draft about_dataset(const Study& study, const Dataset& dataset, RecordKind kind) {
  Draft draft;
  draft.key = fmt::format("{} {}", provenance::to_string(kind), to_hex(dataset.manifest));
  provenance::Record& record = draft.record;
  record.kind = kind;
  record.study = study.id();
  record.stage = "release";
  record.purpose = study.plan().purpose;
  record.legal_basis = study.plan().legal_basis;
  record.subjects.push_back({"manifest", dataset.manifest});
  record.inputs.push_back({"manifest", "manifest", dataset.manifest, dataset.index});
  if (dataset.report) record.inputs.push_back({"report", "report", *dataset.report, std::nullopt});
  if (dataset.release)
    record.inputs.push_back({"permit", "permit", dataset.release->permit, dataset.release->index});
  record.recipients.push_back(study.plan().trainer);
  record.details.set("site", dataset.site).set("bytes", dataset.bytes());
  record.details.set("shards", static_cast<std::uint64_t>(dataset.shards.size()));
  return draft;
}

bool is_complete(const Planning& planning, const Dataset& dataset) {
  return std::all_of(dataset.shards.begin(), dataset.shards.end(), [&](const Shard& shard) {
    return planning.facts.can_open(shard.digest, planning.trainer());
  });
}

void plan_transfers(Planning& planning, const std::string& site) {
  for (const Digest& manifest : planning.study.manifests_of(site)) {
    const Dataset& dataset = *planning.study.dataset(manifest);
    if (dataset.quarantined) continue;
    if (dataset.sent && !dataset.received && is_complete(planning, dataset))
      planning.drafts.push_back(
          about_dataset(planning.study, dataset, RecordKind::transfer_received));
    const bool may_enter = dataset.received && dataset.release && dataset.gate_is_open();
    if (may_enter && !dataset.admitted && !dataset.on_demand)
      planning.drafts.push_back(
          about_dataset(planning.study, dataset, RecordKind::dataset_admitted));
  }
}

// The manifest with only those shards that a job of these purposes reads.
Json dataset_json(const Dataset& dataset, const std::vector<std::string_view>& purposes) {
  Json content = provenance::parse_json(dataset.manifest_json).value_or(Json::object());
  Json shards = Json::array();
  const Json* all = content.find("shards");
  if (all != nullptr && all->items() != nullptr) {
    for (const Json& shard : *all->items()) {
      const std::string purpose = provenance::text_or_empty(shard, "purpose");
      if (std::find(purposes.begin(), purposes.end(), purpose) != purposes.end())
        shards.push(shard);
    }
  }
  content.set("shards", std::move(shards));
  Json item = Json::object();
  item.set("site", dataset.site).set("manifest", dataset.manifest);
  item.set("content", std::move(content)).set("encoded", dataset.index);
  if (dataset.release) item.set("permit", dataset.release->index);
  if (dataset.report) item.set("report", *dataset.report);
  return item;
}

void plan_training(Planning& planning) {
  const Study& study = planning.study;
  const auto admitted = study.admitted();
  if (admitted.size() < study.plan().quorum || admitted.empty()) return;
  std::set<Digest> manifests;
  for (const Dataset* dataset : admitted) manifests.insert(dataset->manifest);
  const Model* newest = study.newest_model();
  // Late sites, and data withdrawn since, make the next version.
  if (newest != nullptr && newest->manifests == manifests) return;
  auto version = static_cast<std::uint32_t>(study.models().size() + 1);
  const auto taken = [&] {
    return study.job(protocol::job_id(study.id(), "", "train-segmentation", version));
  };
  // A training that a withdrawal stopped keeps its number; the next one goes on behind it.
  while (taken() != nullptr && (is_done(taken()) || study.is_lost(*taken()))) ++version;
  if (taken() != nullptr) return;
  Offer offer{"train-segmentation", "", version, {}, planning.trainer(), {}, Json::object()};
  Json datasets = Json::array();
  for (const Dataset* dataset : admitted) {
    offer.inputs.push_back({"manifest", dataset->manifest, dataset->bytes()});
    datasets.push(dataset_json(*dataset, {"training", "mask-decoder"}));
  }
  offer.extra.set("datasets", std::move(datasets));
  planning.drafts.push_back(offer_draft(study, offer));
}

// What a prediction job is for.
struct Request {
  const Dataset& dataset;
  std::string part;
  std::vector<std::string_view> purposes;
};

void offer_prediction(Planning& planning, const Model& model, const Request& request) {
  const Study& study = planning.study;
  const std::string& site = request.dataset.site;
  const Member* agent = planning.membership.agent_of(site);
  const JobId id = protocol::job_id(study.id(), site, "predict", model.version, request.part);
  const bool has_shards = std::any_of(
      request.dataset.shards.begin(), request.dataset.shards.end(), [&](const Shard& shard) {
        return std::find(request.purposes.begin(), request.purposes.end(), shard.purpose) !=
               request.purposes.end();
      });
  if (agent == nullptr || !has_shards || study.job(id) != nullptr) return;
  Offer offer{"predict", site, model.version, request.part, planning.trainer(), {}, Json::object()};
  offer.inputs.push_back({"model", model.digest, 0});
  offer.inputs.push_back({"manifest", request.dataset.manifest, request.dataset.bytes()});
  Json datasets = Json::array();
  datasets.push(dataset_json(request.dataset, request.purposes));
  offer.extra.set("datasets", std::move(datasets)).set("reply_to", agent->id.text());
  offer.extra.set("reply_seal", to_hex(agent->keys.seal));
  if (request.dataset.on_demand) {
    Json evidence = Json::array();
    for (const std::uint64_t index : model.evidence) evidence.push(index);
    offer.extra.set("evidence", std::move(evidence));
  }
  planning.drafts.push_back(offer_draft(study, offer));
}

// What the held-out patients look like through the network, for the site's evaluation.
void plan_held_out(Planning& planning, const Model& model, const std::string& site) {
  const Study& study = planning.study;
  const Dataset* own = study.site_dataset(site);
  // A site that came later is in the next version.
  const bool learnt_from = own != nullptr && model.manifests.contains(own->manifest);
  if (learnt_from && own->admitted && !own->quarantined)
    // The training patients too: from their predictions the site learns whether membership shows.
    offer_prediction(planning, model, {*own, "held-out", {"training", "tuning", "evaluation"}});
}

// Predictions on demand. A released network serves on after the study's deadline: what people
// agreed to with its release has no end.
void plan_requests(Planning& planning, const Model& model, const std::string& site) {
  const Study& study = planning.study;
  if (!model.released) return;
  for (const Digest& manifest : study.manifests_of(site)) {
    const Dataset& dataset = *study.dataset(manifest);
    const bool may_leave = dataset.release || study.has_standing_permit(site);
    if (!dataset.on_demand || dataset.quarantined || !may_leave) continue;
    if (!is_complete(planning, dataset) || study.has_prediction_job(manifest)) continue;
    offer_prediction(planning, model, {dataset, to_hex(manifest).substr(0, 16), {"prediction"}});
  }
}

void plan_evaluation(Planning& planning, const Model& model, const std::string& site) {
  const Study& study = planning.study;
  const Member* agent = planning.membership.agent_of(site);
  const auto id = [&](std::string_view kind, std::string_view part = {}) {
    return protocol::job_id(study.id(), site, kind, model.version, part);
  };
  const auto replies = study.replies().find(id("predict", "held-out"));
  if (agent == nullptr || replies == study.replies().end()) return;
  const bool tunes = study.plan().budget.tune_steps > 0 && study.plan().pooling != "plain";
  const Job* tuning = study.job(id("tune-mask-decoder"));
  const bool offers_tuning = tunes && tuning == nullptr;
  if (tunes && !offers_tuning && !is_done(tuning)) return;
  if (!offers_tuning && study.job(id("evaluate")) != nullptr) return;
  Offer offer{offers_tuning ? "tune-mask-decoder" : "evaluate",
              site,
              model.version,
              {},
              agent->id,
              {},
              Json::object()};
  offer.inputs.push_back({"model", model.digest, 0});
  if (offers_tuning) {
    offer.inputs.push_back(product(study, site, "train-mask-encoder", "mask-encoder"));
  } else {
    if (tunes) offer.inputs.push_back({"mask-decoder", tuning->output("mask-decoder"), 0});
    offer.inputs.push_back(product(study, site, "register-data", "dataset"));
    if (study.plan().parts.own_segmentation)
      offer.inputs.push_back(product(study, site, "train-image-encoder", "image-encoder"));
  }
  offer.inputs.insert(offer.inputs.end(), replies->second.blobs.begin(),
                      replies->second.blobs.end());
  planning.drafts.push_back(offer_draft(study, offer));
}

}  // namespace

std::vector<Draft> plan_next(const PlanView& view, const PlanScope& scope) {
  const Study& study = view.study;
  if (study.is_closed()) return {};
  Planning planning{study, view.membership, view.facts, {}};
  const bool offers = !protocol::is_over(study.plan(), view.now);
  // Before anything else: what reads withdrawn things stops, then comes what follows from that.
  if (scope.all) planning.drafts = plan_withdrawals(study, view.facts);
  const Model* model = study.newest_model();
  const auto plan_site = [&](const std::string& site) {
    if (offers) plan_chain(planning, site);
    plan_transfers(planning, site);
    if (model == nullptr || model->quarantined) return;
    // A deadline stops new training, not the judging of what is trained.
    plan_requests(planning, *model, site);
    plan_held_out(planning, *model, site);
    plan_evaluation(planning, *model, site);
  };
  if (scope.all) {
    for (const std::string& site : study.plan().sites) plan_site(site);
  } else {
    for (const std::string& site : scope.sites) {
      if (study.takes_part(site)) plan_site(site);
    }
  }
  if (offers && (scope.all || scope.training)) plan_training(planning);
  return std::move(planning.drafts);
}

}  // namespace cloister::coordinator
