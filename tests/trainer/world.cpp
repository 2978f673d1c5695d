#include "world.h"

namespace cloister::trainer::testing {

Encoded World::encode(const std::string& agent, const std::string& steward) {
  Encoded out;
  Json shards = Json::array();
  for (int number : {1, 2}) {
    shards.push(Json()
                    .set("number", number)
                    .set("purpose", "training")
                    .set("sealed_sha256", digest_of("shard " + std::to_string(number)))
                    .set("sealed_bytes", 100));
  }
  out.manifest.set("site", "site-a").set("shards", std::move(shards));
  out.digest = digest_of(provenance::to_jcs(out.manifest));
  provenance::Record record;
  record.kind = RecordKind::dataset_encoded;
  record.study = plan.study;
  record.subjects.push_back({"manifest", out.digest});
  record.details.set("manifest", out.manifest);
  if (on_demand) record.details.set("purpose", "prediction");
  out.encoded_at = put(all.sign(agent, record, now));
  provenance::Record permit;
  permit.kind = RecordKind::permit_granted;
  permit.study = plan.study;
  permit.details = provenance::to_details(provenance::Permit{
      provenance::Permit::Type::release, {"training"}, "trainer", plan.trainer_seal_key, {}, ""});
  permit.subjects.push_back({"permit", digest_of("permit " + steward)});
  permit.inputs.push_back({"manifest", "manifest", out.digest, std::nullopt});
  out.permit_at = put(all.sign(steward, permit, now));
  return out;
}

protocol::JobView World::job() const {
  protocol::JobView job;
  job.site = kind == "predict" ? "site-a" : "";
  job.id = protocol::job_id(plan.study, job.site, kind, 1, kind == "predict" ? "held-out" : "");
  job.study = plan.study;
  job.kind = kind;
  job.assignee = MemberId::trusted("trainer");
  job.state = protocol::JobState::approved;
  job.inputs = {{"manifest", encoded.digest, 0}};
  if (kind == "predict") job.inputs.insert(job.inputs.begin(), {"model", digest_of("network"), 0});
  Json dataset;
  dataset.set("site", "site-a").set("manifest", encoded.digest).set("content", encoded.manifest);
  dataset.set("encoded", encoded.encoded_at);
  if (!on_demand) dataset.set("permit", encoded.permit_at);
  Json spec;
  spec.set("spec", 1).set("job", job.id.text()).set("kind", kind);
  spec.set("study", plan.study.text()).set("datasets", Json::array().push(std::move(dataset)));
  spec.set("plan", digest_of(protocol::to_json(plan)));
  Json places = Json::array();
  for (const std::uint64_t place : evidence) places.push(place);
  if (on_demand) spec.set("evidence", std::move(places));
  if (kind == "predict") spec.set("reply_to", "agent-a").set("reply_seal", reply_seal);
  job.spec_json = provenance::to_jcs(spec);
  job.spec_digest = digest_of(job.spec_json);
  return job;
}

}  // namespace cloister::trainer::testing
