#include "trainer/core/datasets.h"

#include <algorithm>

#include "crypto/hash.h"
#include "provenance/record.h"

namespace cloister::trainer {
namespace {

using provenance::count_at;
using provenance::digest_at;
using provenance::Json;
using provenance::RecordKind;
using provenance::text_or_empty;

tl::unexpected<Error> unreadable(const protocol::JobView& job) {
  return fail(Kind::invalid, "job.spec",
              fmt::format("The datasets of job '{}' cannot be read.", job.id),
              "Check that coordinator and trainer have the same version.");
}

tl::unexpected<Error> not_signed(const Dataset& dataset, std::string_view why) {
  return fail(Kind::forbidden, "dataset.not_signed",
              fmt::format("The dataset of site '{}' is not opened: {}.", dataset.site, why),
              "Tell the study owner: what the coordinator offers is not what the site signed.");
}

std::vector<Shard> shards_of(const Json& manifest) {
  std::vector<Shard> shards;
  const Json* list = manifest.find("shards");
  if (list == nullptr || list->items() == nullptr) return shards;
  for (const Json& item : *list->items()) {
    const auto sealed = digest_at(item, "sealed_sha256");
    if (!sealed) continue;
    shards.push_back({count_at(item, "number").value_or(0),
                      text_or_empty(item, "purpose"),
                      *sealed,
                      count_at(item, "sealed_bytes").value_or(0),
                      {}});
  }
  return shards;
}

}  // namespace

std::vector<std::uint64_t> evidence_of(const protocol::JobView& job) {
  const auto spec = provenance::parse_json(job.spec_json, {.bytes_max = 4U << 20});
  const Json* list = spec ? spec->find("evidence") : nullptr;
  std::vector<std::uint64_t> places;
  if (list == nullptr || list->items() == nullptr) return places;
  for (const Json& item : *list->items()) {
    const auto place = item.number();
    if (place && *place >= 0) places.push_back(static_cast<std::uint64_t>(*place));
  }
  return places;
}

Result<std::vector<Dataset>> datasets_of(const protocol::JobView& job) {
  const auto spec = provenance::parse_json(job.spec_json, {.bytes_max = 4U << 20});
  const Json* list = spec ? spec->find("datasets") : nullptr;
  if (list == nullptr || list->items() == nullptr) return unreadable(job);
  std::vector<Dataset> all;
  for (const Json& item : *list->items()) {
    const auto manifest = digest_at(item, "manifest");
    const auto encoded = count_at(item, "encoded");
    const Json* content = item.find("content");
    if (!manifest || !encoded || content == nullptr) return unreadable(job);
    Dataset dataset;
    dataset.site = text_or_empty(item, "site");
    dataset.manifest = *manifest;
    dataset.encoded_at = *encoded;
    if (const auto permit = count_at(item, "permit")) dataset.permit_at = *permit;
    dataset.shards = shards_of(*content);
    all.push_back(std::move(dataset));
  }
  return all;
}

Result<void> check_encoded(const Dataset& dataset, const StudyId& study,
                           const member::SignedRecord& encoded) {
  const provenance::Record& record = encoded.record;
  const bool is_theirs = record.kind == RecordKind::dataset_encoded && record.study == study &&
                         encoded.signer.role == protocol::Role::site_agent &&
                         encoded.signer.site == dataset.site;
  if (!is_theirs) return not_signed(dataset, "its record is not by the site's agent");
  const Json* manifest = record.details.find("manifest");
  if (manifest == nullptr ||
      crypto::sha256(as_bytes(provenance::to_jcs(*manifest))) != dataset.manifest) {
    return not_signed(dataset, "the manifest is another one than the job names");
  }
  const std::vector<Shard> listed = shards_of(*manifest);
  const bool all_listed =
      std::all_of(dataset.shards.begin(), dataset.shards.end(), [&](const Shard& shard) {
        return std::any_of(listed.begin(), listed.end(), [&](const Shard& one) {
          return one.number == shard.number && one.sealed == shard.sealed;
        });
      });
  if (!all_listed) return not_signed(dataset, "a shard is not in the manifest that was signed");
  // Only a request on demand goes under a standing permit; all else needs a release of its own.
  const std::string detail = text_or_empty(record.details, "purpose");
  const bool is_request = (detail.empty() ? record.purpose : detail) == "prediction";
  if (dataset.permit_at || is_request) return {};
  return fail(Kind::forbidden, "dataset.not_permitted",
              fmt::format("No release permit came with the dataset of site '{}'.", dataset.site),
              "Tell the study owner: the coordinator offers what was not released.");
}

Result<void> check_permit(const Dataset& dataset, const member::Member& self,
                          const member::SignedRecord& permit) {
  const auto details = provenance::permit_from(permit.record.details);
  const bool names_it =
      std::any_of(permit.record.inputs.begin(), permit.record.inputs.end(),
                  [&](const provenance::Input& input) { return input.digest == dataset.manifest; });
  const bool fits =
      details && permit.record.kind == RecordKind::permit_granted && names_it &&
      permit.signer.role == protocol::Role::site_steward && permit.signer.site == dataset.site &&
      details->type == provenance::Permit::Type::release && details->recipient == self.id.text() &&
      details->recipient_key == to_hex(self.seal.view());
  if (fits) return {};
  return fail(
      Kind::forbidden, "dataset.not_permitted",
      fmt::format("No steward of site '{}' released this dataset to this trainer.", dataset.site),
      "Tell the study owner: the coordinator offers what was not released.");
}

}  // namespace cloister::trainer
