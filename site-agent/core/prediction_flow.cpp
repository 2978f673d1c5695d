// One volume on demand: encode here, gate by range and quota, seal, upload, let the trainer
// predict, fetch, decode here, write the mask. Every step that leaves is under a steward's standing
// permit and counted before the first byte goes.
#include <algorithm>

#include "crypto/hash.h"
#include "protocol/jobs.h"
#include "provenance/prediction_batch.h"
#include "site-agent/core/agent_state.h"

namespace cloister::site_agent {
namespace {

using protocol::JobView;
using provenance::Json;
using provenance::RecordKind;
using Step = Prediction::Step;

// Codes whose mean size is this far off are not like those that the gate assessed.
constexpr double mean_abs_max = 2.5;
constexpr double beyond_4_max = 0.05;

Result<Permit> may_predict(const AgentState& state, const member::Study& study) {
  const SitePolicy& policy = state.options.policy;
  const Permit* permit = standing_permit(state, study);
  if (!policy.standing_predictions) {
    return fail(Kind::forbidden, "predict.policy",
                "The site's policy does not let codes out for predictions on demand.",
                "Set standing_predictions in policy.toml and sign it.");
  }
  // No network is released before every site that it learnt from has evaluated it.
  if (state.products.newest(study.plan.study, "evaluate") == nullptr) {
    return fail(Kind::conflict, "predict.not_learnt",
                fmt::format("No network of study '{}' has learnt from this site's codes, so none "
                            "can read what would be sent.",
                            study.plan.study),
                "`cloister site jobs` says what the study waits for here. Once this site's codes "
                "are released, its next network learns from them.");
  }
  if (permit == nullptr) {
    return fail(
        Kind::forbidden, "predict.no_permit",
        "No data steward of this site signed a standing permit for predictions to the "
        "study's certified trainer.",
        fmt::format("A data steward signs one, which holds for all predictions of the study: "
                    "cloister site standing {} --reason \"...\"",
                    study.plan.study));
  }
  const Left left = state.left_for(study.plan.study, Digest{});
  if (left.prediction_cases + 1 > policy.prediction_cases_max ||
      left.cases + 1 > policy.leave_cases_max || left.bytes >= policy.leave_bytes_max) {
    return fail(Kind::exhausted, "release.quota",
                fmt::format("{} cases have left for predictions; the site's policy allows {}.",
                            left.prediction_cases, policy.prediction_cases_max),
                "Raise the limits in policy.toml and sign it.");
  }
  return *permit;
}

// The study that the person named, or the only one with a released model.
Result<const member::Study*> study_for(const AgentState& state, const std::string& name) {
  std::vector<const member::Study*> found;
  for (const auto& [id, study] : state.link.studies()) {
    if (name.empty() ? study.phase == "released" : id.text() == name) found.push_back(&study);
  }
  if (found.size() == 1) return found.front();
  if (!found.empty()) {
    return fail(Kind::conflict, "predict.several",
                "Several studies of this site have a released network.",
                "Name one with --study; `cloister site status` lists them.");
  }
  return fail(Kind::not_found, "predict.study",
              name.empty() ? "No study of this site has a released network."
                           : fmt::format("This site takes part in no study '{}'.", name),
              "`cloister site status` says how far each study is; a network serves once it is "
              "released.");
}

const member::Kept* kept_request(const Prediction& prediction) {
  for (const member::Kept& kept : prediction.kept) {
    if (kept.as == member::KeepAs::sealed) return &kept;
  }
  return nullptr;
}

double real_at(const Json& json, std::string_view key) {
  const Json* value = json.find(key);
  return value == nullptr ? 0 : value->number().value_or(0);
}

Result<void> check_range(const Json& result) {
  const Json* range = result.find("range");
  const bool fits = range != nullptr && real_at(*range, "mean_abs") <= mean_abs_max &&
                    real_at(*range, "beyond_4") <= beyond_4_max;
  if (fits) return {};
  return fail(
      Kind::invalid, "predict.range",
      "The image's codes are unlike those that the privacy gate assessed; nothing was sent.",
      "Check that it is the same kind of image as the study's, in the same orientation.");
}

Json request_manifest(const AgentState& state, const Prediction& prediction,
                      const member::Kept& request, const Json& result) {
  const auto encoder_of = [&](std::string_view kind) {
    const Product* product = state.products.newest(prediction.study, kind);
    return product == nullptr ? Digest{} : product->digest;
  };
  Json shard;
  shard.set("number", 1).set("purpose", "prediction").set("sealed_sha256", request.digest);
  shard.set("sealed_bytes", request.bytes);
  for (const std::string_view key : {"slices", "views"}) {
    if (const Json* value = result.find(key)) shard.set(key, *value);
  }
  Json manifest;
  manifest.set("study", prediction.study.text()).set("site", state.site());
  manifest.set("plan", state.link.study(prediction.study)->plan_digest);
  manifest.set("encoder_image", encoder_of("train-image-encoder"));
  manifest.set("encoder_mask", encoder_of("train-mask-encoder")).set("dtype", "F16");
  if (const Json* grid = result.find("grid")) manifest.set("grid", *grid);
  manifest.set("shards", Json::array().push(std::move(shard)));
  return manifest;
}

void book(AgentState& state, const Prediction& prediction, std::uint64_t bytes, Instant now) {
  state.left[{prediction.study, prediction.manifest}] = LeftEntry{bytes, 1, true, now};
  state.persist(fmt::format("left/{}/{}", prediction.study, to_hex(prediction.manifest)),
                Json()
                    .set("bytes", bytes)
                    .set("cases", 1)
                    .set("prediction", true)
                    .set("at", to_rfc3339(now)));
}

void on_encoded(AgentState& state, Prediction& prediction, const Json& result, Instant now) {
  const member::Study* study = state.link.study(prediction.study);
  const member::Kept* request = kept_request(prediction);
  auto fits = check_range(result);
  if (study == nullptr || request == nullptr || !fits) {
    return end_prediction(
        state, prediction.volume.job,
        fits ? tl::unexpected(Error{Kind::corrupt, "worker.result",
                                    "The worker finished without a request.", "Try again."})
             : tl::unexpected(fits.error()));
  }
  const Json manifest = request_manifest(state, prediction, *request, result);
  prediction.result_json = provenance::to_jcs(manifest);
  prediction.manifest = crypto::sha256(as_bytes(prediction.result_json));
  prediction.request = request->digest;
  book(state, prediction, request->bytes, now);
  prediction.step = Step::uploading;
  state.out.push_back(member::Upload{prediction.volume.job, request->digest, request->bytes});
}

void record_request(AgentState& state, Prediction& prediction, Instant now) {
  const member::Study* study = state.link.study(prediction.study);
  const member::Kept* request = kept_request(prediction);
  const Product* encoder = state.products.newest(prediction.study, "train-image-encoder");
  if (study == nullptr || request == nullptr || encoder == nullptr) return;
  provenance::Record record;
  record.kind = RecordKind::dataset_encoded;
  record.study = prediction.study;
  record.stage = "prediction";
  record.purpose = "prediction";
  record.legal_basis = study->plan.legal_basis;
  record.subjects = {{"manifest", prediction.manifest}, {"shard-000001", request->digest}};
  record.inputs = {{"image-encoder", "image-encoder", encoder->digest, std::nullopt},
                   {"permit", "permit", prediction.permit.digest, std::nullopt}};
  record.approvals = {prediction.permit.leaf};
  record.recipients = {study->trainer.id.text()};
  record.details.set("manifest", provenance::parse_json(prediction.result_json).value());
  record.details.set("purpose", "prediction");
  prediction.step = Step::recording;
  state.draft(fmt::format("request/{}", to_hex(prediction.manifest)), std::move(record), now);
}

void put_wrap(AgentState& state, Prediction& prediction) {
  const member::Study* study = state.link.study(prediction.study);
  const member::Kept* request = kept_request(prediction);
  if (study == nullptr || request == nullptr) return;
  prediction.step = Step::wrapping;
  // The trainer's job does not exist yet; its name can be known all the same.
  const JobId job = protocol::job_id(prediction.study, state.site(), "predict", 1,
                                     to_hex(prediction.manifest).substr(0, 16));
  protocol::PutWraps put{
      prediction.study, job, study->trainer.id, {{request->digest, request->wrap}}};
  state.ask(std::move(put), [&state, name = prediction.volume.job](
                                const Result<protocol::Reply>& reply, Instant at) {
    const auto found = state.predictions.find(name);
    if (found == state.predictions.end()) return;
    if (!reply) return end_prediction(state, name, tl::unexpected(reply.error()));
    record_request(state, found->second, at);
  });
}

// The trainer's job for this request, once it is done.
const JobView* answered_by(const AgentState& state, const Prediction& prediction) {
  const std::string part = "-" + to_hex(prediction.manifest).substr(0, 16);
  for (const JobView& job : state.link.work().jobs) {
    if (job.kind == "predict" && job.study == prediction.study && job.id.text().ends_with(part)) {
      return &job;
    }
  }
  return nullptr;
}

void fetch_reply(AgentState& state, Prediction& prediction, const JobView& job) {
  if (job.outputs.empty()) return;
  prediction.step = Step::fetching;
  prediction.remote = job.id;
  prediction.reply.digest = job.outputs.front().digest;
  const std::uint64_t size = job.outputs.front().size;
  state.ask(
      protocol::GetWraps{{prediction.reply.digest}},
      [&state, name = prediction.volume.job, size](const Result<protocol::Reply>& reply, Instant) {
        const auto found = state.predictions.find(name);
        if (found == state.predictions.end()) return;
        const auto* wraps = reply ? std::get_if<protocol::Wraps>(&*reply) : nullptr;
        if (wraps == nullptr || wraps->wraps.empty()) {
          found->second.step = Step::waiting;  // asked again with the next work
          return;
        }
        found->second.reply.wrap = wraps->wraps.front().wrap;
        state.out.push_back(member::Download{name, found->second.reply.digest, size});
      });
}

// What `decode_volume_order` hands in, as the ledger names it; another training may end meanwhile.
std::vector<provenance::Input> networks_now(const AgentState& state, const member::Study& study) {
  const StudyId& id = study.plan.study;
  std::vector<provenance::Input> list;
  const auto add = [&](std::string name, const Product* product) {
    if (product != nullptr) list.push_back({name, name, product->digest, std::nullopt});
    return product != nullptr;
  };
  if (!add("mask-decoder", state.products.newest(id, "tune-mask-decoder")))
    add("mask-decoder", state.products.newest(id, "train-mask-encoder"));
  if (study.plan.parts.own_segmentation)
    add("image-encoder", state.products.newest(id, "train-image-encoder"));
  return list;
}

void decode(AgentState& state, Prediction& prediction) {
  const member::Study* study = state.link.study(prediction.study);
  if (study == nullptr) return;
  auto order = decode_volume_order(prediction.volume, prediction.reply, prediction.output,
                                   state.order_context(*study));
  if (!order) return end_prediction(state, prediction.volume.job, tl::unexpected(order.error()));
  prediction.step = Step::decoding;
  prediction.made_of = networks_now(state, *study);
  prediction.kept.clear();
  state.out.emplace_back(std::move(*order));
}

void on_decoded(AgentState& state, Prediction& prediction, const Json& result, Instant now) {
  const member::Study* study = state.link.study(prediction.study);
  const member::Kept* mask = member::find_kept(prediction.kept, "prediction.nii.gz");
  if (study == nullptr || mask == nullptr) {
    return end_prediction(
        state, prediction.volume.job,
        tl::unexpected(Error{Kind::corrupt, "worker.result", "The worker finished without a mask.",
                             "Try again."}));
  }
  provenance::Record record;
  record.kind = RecordKind::prediction_batch;
  record.study = prediction.study;
  record.job = prediction.remote;
  record.stage = "prediction";
  record.purpose = "prediction";
  record.legal_basis = study->plan.legal_basis;
  record.subjects = {{"prediction", mask->digest}};
  record.inputs = {{"reply", "reply", prediction.reply.digest, std::nullopt}};
  record.inputs.insert(record.inputs.end(), prediction.made_of.begin(), prediction.made_of.end());
  if (const JobView* job = answered_by(state, prediction)) {
    for (const auto& input : job->inputs) {
      if (input.name != "model") continue;
      record.inputs.push_back({"model", "model", input.digest, std::nullopt});
      // File, request and model stand together in an inner tree, so that one can be proved alone.
      provenance::set_batch(record, {{mask->digest, prediction.manifest, input.digest}});
      break;
    }
  }
  state.draft(fmt::format("prediction/{}", to_hex(prediction.manifest)), std::move(record), now);
  Json answer;
  answer.set("digest", mask->digest).set("bytes", mask->bytes).set("output", prediction.output);
  answer.set("study", prediction.study.text()).set("manifest", prediction.manifest);
  answer.set("seconds", static_cast<double>((now - prediction.asked).count()) / 1000.0);
  if (const Json* structures = result.find("structures")) answer.set("structures", *structures);
  end_prediction(state, prediction.volume.job, provenance::to_jcs(answer));
}

}  // namespace

const Permit* standing_permit(const AgentState& state, const member::Study& study) {
  const auto permits = state.permits.find(study.plan.study);
  if (permits == state.permits.end()) return nullptr;
  for (const Permit& permit : permits->second) {
    const bool covers = std::find(permit.purposes.begin(), permit.purposes.end(), "prediction") !=
                        permit.purposes.end();
    if (permit.type == "standing" && covers && permit.recipient == study.trainer.id &&
        permit.recipient_key == to_hex(study.trainer.seal.view())) {
      return &permit;
    }
  }
  return nullptr;
}

void start_prediction(AgentState& state, const member::PersonAsked& event, Instant now) {
  const auto body = provenance::parse_json(event.body_json);
  if (!body) return state.tell(event.question, tl::unexpected(body.error()));
  const std::string path = provenance::text_or_empty(*body, "path");
  const std::string output = provenance::text_or_empty(*body, "output");
  auto study = study_for(state, provenance::text_or_empty(*body, "study"));
  if (!study) return state.tell(event.question, tl::unexpected(study.error()));
  // A released network serves on; without one, codes would leave for an answer that never comes.
  if (protocol::is_over((*study)->plan, now) && (*study)->phase != "released") {
    return state.tell(event.question,
                      fail(Kind::forbidden, "predict.deadline",
                           fmt::format("The deadline of study '{}' ({}) is over and it has no "
                                       "released network.",
                                       (*study)->plan.study, (*study)->plan.deadline),
                           fmt::format("Ask {} to amend the plan.", (*study)->plan.owner)));
  }
  auto permit = may_predict(state, **study);
  if (!permit) return state.tell(event.question, tl::unexpected(permit.error()));
  if (!path.starts_with('/') || !output.starts_with('/')) {
    return state.tell(event.question,
                      fail(Kind::invalid, "predict.path", "Both paths must be absolute.",
                           "Give the image and the mask to write with their full paths."));
  }
  Prediction prediction;
  prediction.question = event.question;
  prediction.volume.job = JobId::trusted(fmt::format("on-demand-{}", event.question));
  prediction.volume.image = path;
  prediction.volume.frame =
      static_cast<std::uint32_t>(provenance::count_at(*body, "frame").value_or(0));
  prediction.output = output;
  prediction.study = (*study)->plan.study;
  prediction.permit = std::move(*permit);
  prediction.asked = now;
  auto order = encode_volume_order(prediction.volume, state.order_context(**study));
  if (!order) return state.tell(event.question, tl::unexpected(order.error()));
  state.out.emplace_back(std::move(*order));
  state.predictions.emplace(prediction.volume.job, std::move(prediction));
}

void on_volume_done(AgentState& state, Prediction& prediction, const std::string& result_json,
                    Instant now) {
  const auto result = provenance::parse_json(result_json);
  const Json json = result ? *result : Json::object();
  if (prediction.step == Step::encoding) return on_encoded(state, prediction, json, now);
  if (prediction.step == Step::decoding) return on_decoded(state, prediction, json, now);
}

void on_prediction_moved(AgentState& state, const Digest& digest) {
  for (auto& [name, prediction] : state.predictions) {
    const member::Kept* request = kept_request(prediction);
    if (prediction.step == Step::uploading && request != nullptr && request->digest == digest) {
      return put_wrap(state, prediction);
    }
    if (prediction.step == Step::fetching && prediction.reply.digest == digest) {
      return decode(state, prediction);
    }
  }
}

void on_prediction_stuck(AgentState& state, const member::TransferFailed& event) {
  for (const auto& [name, prediction] : state.predictions) {
    const member::Kept* request = kept_request(prediction);
    const bool is_its = (request != nullptr && request->digest == event.digest) ||
                        prediction.reply.digest == event.digest;
    if (is_its) return end_prediction(state, JobId(name), tl::unexpected(event.error));
  }
}

void advance_predictions(AgentState& state) {
  for (auto entry = state.predictions.begin(); entry != state.predictions.end();) {
    Prediction& prediction = entry->second;
    const JobId name = (entry++)->first;  // the step below may end and erase it
    const std::string request = fmt::format("request/{}", to_hex(prediction.manifest));
    if (prediction.step == Step::recording && state.link.records().receipt(request) != nullptr) {
      prediction.step = Step::waiting;
    }
    if (prediction.step != Step::waiting) continue;
    const JobView* job = answered_by(state, prediction);
    if (job == nullptr) continue;
    if (job->state == protocol::JobState::done) fetch_reply(state, prediction, *job);
    if (job->state == protocol::JobState::failed || job->state == protocol::JobState::aborted) {
      end_prediction(state, name,
                     tl::unexpected(Error{Kind::unavailable, "predict.failed",
                                          "The trainer could not predict: " + job->waits_for,
                                          "Ask the study owner; then try again."}));
    }
  }
}

void end_prediction(AgentState& state, const JobId& name, Result<std::string> outcome) {
  const auto found = state.predictions.find(name);
  if (found == state.predictions.end()) return;
  state.tell(found->second.question, std::move(outcome));
  state.out.push_back(member::StopTransfers{name});
  state.out.push_back(member::StopWorker{name, true});
  member::Discard sealed{name, {found->second.reply.digest}};
  if (found->second.request) sealed.digests.push_back(*found->second.request);
  state.out.emplace_back(std::move(sealed));
  state.predictions.erase(found);
}

}  // namespace cloister::site_agent
