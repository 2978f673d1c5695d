#include "member/job_records.h"

#include <algorithm>
#include <array>

#include "base/ensure.h"
#include "crypto/hash.h"
#include "provenance/json.h"

namespace cloister::member {
namespace {

using provenance::Json;
using provenance::RecordKind;

const std::string worked_prefix = "job/";
const std::string product_prefix = "product/";

// The next attempt would end the same way until somebody makes room or raises a limit.
bool waits_for_people(const Error& error) {
  constexpr std::array codes{"disk.policy", "file.disk_full", "store.disk_full",
                             "codes.scratch_full", "release.quota"};
  return std::find(codes.begin(), codes.end(), error.code) != codes.end();
}

Bytes to_stored(const Worked& worked) {
  Json commitments = Json::array();
  for (const Digest& digest : worked.commitments) commitments.push(digest);
  Json json;
  json.set("attempt", std::uint64_t{worked.attempt}).set("result", worked.result_json);
  json.set("kept", to_json(worked.kept)).set("commitments", std::move(commitments));
  return to_bytes(provenance::to_jcs(json));
}

Worked worked_from(BytesView stored) {
  const auto json = provenance::parse_json(as_text(stored), {.bytes_max = 64U << 20});
  ensure(json.has_value(), "a stored outcome can be read again");
  Worked worked;
  worked.attempt = static_cast<std::uint32_t>(provenance::count_at(*json, "attempt").value_or(1));
  worked.result_json = provenance::text_or_empty(*json, "result");
  worked.kept = kept_from_json(provenance::text_or_empty(*json, "kept")).value();
  const Json* list = json->find("commitments");
  if (list == nullptr || list->items() == nullptr) return worked;
  for (const Json& item : *list->items()) {
    if (item.text() == nullptr) continue;
    if (const auto digest = digest_from_hex(*item.text())) worked.commitments.push_back(*digest);
  }
  return worked;
}

}  // namespace

Persist keep_worked(const JobId& job, const Worked& worked) {
  return {worked_prefix + job.text(), to_stored(worked)};
}

Persist drop_worked(const JobId& job) { return {worked_prefix + job.text(), std::nullopt}; }

std::map<JobId, Worked> worked_in(const Stored& stored) {
  std::map<JobId, Worked> all;
  for (const auto& [key, value] : stored) {
    if (!key.starts_with(worked_prefix)) continue;
    all.emplace(JobId::trusted(key.substr(worked_prefix.size())), worked_from(value));
  }
  return all;
}

std::string product_name(const JobId& job) { return product_prefix + job.text(); }

std::optional<JobId> job_of_product(std::string_view name) {
  if (!name.starts_with(product_prefix)) return std::nullopt;
  return JobId::trusted(std::string(name.substr(product_prefix.size())));
}

Result<void> check_spec(const protocol::JobView& job, const Study& study) {
  const auto wrong = [&](std::string_view what) {
    return fail(Kind::forbidden, "job.spec",
                fmt::format("The job '{}' {}; it is not run.", job.id, what),
                "Tell the consortium: coordinator and plan disagree.");
  };
  if (crypto::sha256(as_bytes(job.spec_json)) != job.spec_digest) {
    return wrong("is not what its digest says");
  }
  const auto spec = provenance::parse_json(job.spec_json);
  if (!spec) return wrong("has a spec that cannot be read");
  const bool fits = provenance::text_or_empty(*spec, "job") == job.id.text() &&
                    provenance::text_or_empty(*spec, "kind") == job.kind &&
                    provenance::text_or_empty(*spec, "study") == job.study.text();
  if (!fits) return wrong("names another job than it came with");
  if (provenance::text_or_empty(*spec, "plan") != to_hex(study.plan_digest)) {
    return wrong("belongs to another version of the plan than its owner signed last");
  }
  return {};
}

void copy_fields(const Json& from, Json& to, std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    if (const Json* value = from.find(key)) to.set(key, *value);
  }
}

provenance::Record job_record(RecordKind kind, const protocol::JobView& job, const Study& study) {
  provenance::Record record;
  record.kind = kind;
  record.study = job.study;
  record.job = job.id;
  record.stage = job.kind;
  record.purpose = study.plan.purpose;
  record.legal_basis = study.plan.legal_basis;
  record.inputs.push_back({"spec", job.id.text(), job.spec_digest, std::nullopt});
  for (const auto& input : job.inputs) {
    const bool known = std::any_of(record.inputs.begin(), record.inputs.end(),
                                   [&](const auto& one) { return one.digest == input.digest; });
    if (!known) record.inputs.push_back({input.name, input.name, input.digest, std::nullopt});
  }
  return record;
}

provenance::Record ended_record(const protocol::JobView& job, const Study& study,
                                const Error& error) {
  provenance::Record record = job_record(RecordKind::job_failed, job, study);
  record.inputs.resize(1);  // the spec: a failure says nothing about its inputs
  record.subjects.push_back({"spec", job.spec_digest});
  record.outcome = provenance::Outcome::fail;
  record.reason = error.what;
  record.details.set("attempt", std::uint64_t{job.attempt}).set("code", error.code);
  record.details.set("what", error.what).set("next", error.next);
  record.details.set("kind", to_string(error.kind));
  if (!waits_for_people(error)) return record;
  record.kind = RecordKind::job_denied;
  record.outcome = provenance::Outcome::denied;
  record.reason = fmt::format("{} {}", error.what, error.next);
  record.details.set("decision", "hold");
  return record;
}

}  // namespace cloister::member
