#include "site-agent/core/product_records.h"

#include <algorithm>
#include <array>

#include "crypto/hash.h"

namespace cloister::site_agent {
namespace {

using member::copy_fields;
using member::job_record;
using provenance::count_at;
using provenance::Json;
using provenance::RecordKind;
using provenance::text_or_empty;

// Beyond this many commitments the record carries only their digest: it must stay readable.
constexpr std::size_t commitments_listed_max = 2000;

tl::unexpected<Error> lacking(std::string_view kind, std::string_view what) {
  return fail(Kind::corrupt, "worker.result",
              fmt::format("The worker finished '{}' without {}.", kind, what),
              "Check that worker and agent have the same version.");
}

struct Making {
  const protocol::JobView& job;
  const member::Study& study;
  const std::string& site;
  const member::Worked& worked;
  Json result;
};

Made made(const Making& making, RecordKind kind, std::string_view name, const Digest& digest) {
  Made out;
  out.product = {making.job.kind, making.job.study, digest, making.worked.kept, making.result};
  out.record = job_record(kind, making.job, making.study);
  out.record.subjects.push_back({std::string(name), digest});
  return out;
}

Result<Made> registered(const Making& making) {
  std::vector<Digest> sorted = making.worked.commitments;
  if (sorted.empty()) return lacking(making.job.kind, "any case");
  std::sort(sorted.begin(), sorted.end());
  Bytes all;
  Json list = Json::array();
  for (const Digest& commitment : sorted) {
    append(all, commitment.view());
    if (sorted.size() <= commitments_listed_max) list.push(commitment);
  }
  Made out = made(making, RecordKind::raw_registered, "dataset", crypto::sha256(all));
  out.record.details.set("commitments", std::move(list)).set("files", std::uint64_t{sorted.size()});
  copy_fields(making.result, out.record.details, {"dataset", "splits", "excluded", "spacing_mm"});
  return out;
}

Result<Made> encoder(const Making& making, std::string_view part) {
  const member::Kept* kept = member::find_kept(making.worked.kept, part);
  if (kept == nullptr) return lacking(making.job.kind, part);
  Made out = made(making, RecordKind::encoder_trained, part, kept->digest);
  const bool tuned = making.job.kind == "tune-mask-decoder";
  out.record.details.set("which", tuned ? std::string_view("tuned-mask-decoder") : part);
  copy_fields(making.result, out.record.details,
              {"unexplained", "final_loss", "ceiling", "ceiling_patients", "dropped", "attempts",
               "steps", "patients", "slices", "dice_before", "dice_after", "seconds"});
  return out;
}

// The shard that the worker named NNNNNN, as it was sealed.
const member::Kept* sealed_shard(const member::Worked& worked, std::uint64_t number) {
  const std::string name = fmt::format("shards/{:06}.safetensors", number);
  for (const member::Kept& kept : worked.kept) {
    if (kept.name == name && kept.as == member::KeepAs::sealed) return &kept;
  }
  return nullptr;
}

Digest named_input(const protocol::JobView& job, std::string_view name) {
  for (const auto& input : job.inputs) {
    if (input.name == name) return input.digest;
  }
  return {};
}

Result<Made> encoded(const Making& making) {
  const Json* shards = making.result.find("shards");
  if (shards == nullptr || shards->items() == nullptr || shards->items()->empty()) {
    return lacking(making.job.kind, "shards");
  }
  Json listed = Json::array();
  std::vector<provenance::Subject> subjects;
  for (const Json& item : *shards->items()) {
    const auto number = count_at(item, "number");
    const member::Kept* kept = number ? sealed_shard(making.worked, *number) : nullptr;
    if (kept == nullptr) return lacking(making.job.kind, "one of the shards it lists");
    Json one;
    one.set("number", *number).set("purpose", text_or_empty(item, "purpose"));
    one.set("sealed_sha256", kept->digest).set("sealed_bytes", kept->bytes);
    copy_fields(item, one, {"slices", "views"});
    listed.push(std::move(one));
    subjects.push_back({fmt::format("shard-{:06}", *number), kept->digest});
  }
  Json manifest;
  manifest.set("study", making.job.study.text()).set("site", making.site);
  manifest.set("plan", making.study.plan_digest).set("shards", std::move(listed));
  manifest.set("encoder_image", named_input(making.job, "image-encoder"));
  manifest.set("encoder_mask", named_input(making.job, "mask-encoder"));
  copy_fields(making.result, manifest, {"channels", "grid", "dtype"});
  const Digest digest = crypto::sha256(as_bytes(provenance::to_jcs(manifest)));
  Made out = made(making, RecordKind::dataset_encoded, "manifest", digest);
  out.product.result = manifest;
  out.record.subjects.insert(out.record.subjects.end(), subjects.begin(), subjects.end());
  out.record.details.set("manifest", std::move(manifest));
  out.record.protection = provenance::Protection{
      named_input(making.job, "image-encoder"), {}, std::nullopt, "xchacha20poly1305-secretstream"};
  return out;
}

Result<Made> assessed(const Making& making) {
  const member::Kept* report = member::find_kept(making.worked.kept, "gate-report");
  const Json* indicators = making.result.find("indicators");
  if (report == nullptr) return lacking(making.job.kind, "its report");
  if (indicators == nullptr || indicators->items() == nullptr) {
    return lacking(making.job.kind, "indicators");
  }
  Made out = made(making, RecordKind::gate_reported, "report", report->digest);
  copy_fields(making.result, out.record.details, {"indicators", "verdict", "seconds"});
  return out;
}

Result<Made> evaluated(const Making& making) {
  const Json* structures = making.result.find("structures");
  if (structures == nullptr) return lacking(making.job.kind, "structures");
  Json details = making.result;
  const Digest digest = crypto::sha256(as_bytes(provenance::to_jcs(details)));
  Made out = made(making, RecordKind::model_evaluated, "evaluation", digest);
  out.record.details = std::move(details);
  // For this site's people only, who sign about this network; the record has it among its inputs.
  out.product.result.set("model", named_input(making.job, "model"));
  return out;
}

}  // namespace

Result<Made> make_product(const protocol::JobView& job, const member::Study& study,
                          const std::string& site, const member::Worked& worked) {
  auto result = provenance::parse_json(worked.result_json, {.bytes_max = 4U << 20});
  if (!result) return pass(result);
  const Making making{job, study, site, worked, std::move(*result)};
  if (job.kind == "register-data") return registered(making);
  if (job.kind == "train-image-encoder") return encoder(making, "image-encoder");
  if (job.kind == "train-mask-encoder") return encoder(making, "mask-encoder");
  if (job.kind == "tune-mask-decoder") return encoder(making, "mask-decoder");
  if (job.kind == "encode") return encoded(making);
  if (job.kind == "assess-privacy") return assessed(making);
  if (job.kind == "evaluate") return evaluated(making);
  return fail(Kind::unsupported, "job.unknown_kind",
              fmt::format("This agent performs no jobs of kind '{}'.", job.kind),
              "Upgrade the agent to the version of the coordinator.");
}

}  // namespace cloister::site_agent
