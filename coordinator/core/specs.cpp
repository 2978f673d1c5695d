// Job specs and the records that offer jobs. Layout: docs/protocol.md, "Job specs".
#include <algorithm>

#include "coordinator/core/planner.h"
#include "crypto/hash.h"

namespace cloister::coordinator {
namespace {

using provenance::Json;

std::string stage_of(std::string_view kind) {
  if (kind == "train-segmentation") return "training";
  if (kind == "predict") return "prediction";
  if (kind == "tune-mask-decoder" || kind == "evaluate") return "evaluation";
  if (kind == "release") return "release";
  return "encoding";
}

Json inputs_json(const std::vector<protocol::NamedDigest>& inputs) {
  Json list = Json::array();
  for (const auto& input : inputs) {
    Json item = Json::object();
    item.set("name", input.name).set("digest", input.digest);
    if (input.size > 0) item.set("bytes", input.size);
    list.push(std::move(item));
  }
  return list;
}

}  // namespace

std::string spec_of(const Study& study, const Offer& offer) {
  const JobId id = protocol::job_id(study.id(), offer.site, offer.kind, offer.version, offer.part);
  Json spec = offer.extra;
  spec.set("spec", 1).set("job", id.text()).set("kind", offer.kind);
  spec.set("study", study.id().text()).set("plan", study.plan_digest());
  spec.set("version", std::uint64_t{offer.version}).set("inputs", inputs_json(offer.inputs));
  if (!offer.site.empty()) spec.set("site", offer.site);
  if (!offer.part.empty()) spec.set("part", offer.part);
  return provenance::to_jcs(spec);
}

Draft offer_draft(const Study& study, const Offer& offer) {
  const std::string spec = spec_of(study, offer);
  Draft draft;
  provenance::Record& record = draft.record;
  record.kind = provenance::RecordKind::job_submitted;
  record.study = study.id();
  record.job = protocol::job_id(study.id(), offer.site, offer.kind, offer.version, offer.part);
  record.stage = stage_of(offer.kind);
  record.purpose = study.plan().purpose;
  record.legal_basis = study.plan().legal_basis;
  record.subjects.push_back({"spec", crypto::sha256(as_bytes(spec))});
  record.inputs.push_back({"plan", "plan", study.plan_digest(), std::nullopt});
  for (const auto& input : offer.inputs)
    record.inputs.push_back({input.name, input.name, input.digest, std::nullopt});
  record.details.set("job", record.job.text()).set("kind", offer.kind).set("site", offer.site);
  record.details.set("assignee", offer.assignee.text());
  record.details.set("version", std::uint64_t{offer.version}).set("part", offer.part);
  record.details.set("spec", provenance::parse_json(spec).value_or(Json::object()));
  draft.key = "offer " + record.job.text();
  return draft;
}

}  // namespace cloister::coordinator
