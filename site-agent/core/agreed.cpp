#include "site-agent/core/agreed.h"

#include "provenance/json.h"

namespace cloister::site_agent {
namespace {

using provenance::Json;
using provenance::text_or_empty;

constexpr std::string_view agreed_prefix = "agreed/";
constexpr std::string_view person_prefix = "agreed-version/";
constexpr const char* none = "(none)";
// A plan and a spec together; what is larger is not worth a comparison.
constexpr provenance::JsonLimits document_limits{.bytes_max = 4U << 20, .depth_max = 16};

using Leaves = std::map<std::string, std::string>;

void flatten(const Json& value, const std::string& path, Leaves& leaves) {
  if (const auto* fields = value.fields()) {
    for (const auto& [name, field] : *fields)
      flatten(field, path.empty() ? name : path + "." + name, leaves);
    return;
  }
  const auto* items = value.items();
  const bool is_list_of_objects =
      items != nullptr && !items->empty() && items->front().fields() != nullptr;
  if (is_list_of_objects) {
    for (std::size_t i = 0; i < items->size(); ++i)
      flatten((*items)[i], fmt::format("{}[{}]", path, i + 1), leaves);
    return;
  }
  leaves[path] = value.text() != nullptr ? *value.text() : provenance::to_jcs(value);
}

Leaves leaves_of(std::string_view json) {
  Leaves leaves;
  if (const auto parsed = provenance::parse_json(json, document_limits))
    flatten(*parsed, "", leaves);
  return leaves;
}

// Names and digests that differ between any two offers say nothing about what would run.
bool is_choice(const std::string& path) {
  return path != "job" && path != "plan" && path != "version" && !path.starts_with("inputs");
}

std::string agreed_key(const StudyId& study, std::string_view kind) {
  return fmt::format("{}{}/{}", agreed_prefix, study, kind);
}

Json list_of(const std::vector<Change>& changes, bool is_plan) {
  Json list = Json::array();
  for (const Change& change : changes) {
    if (is_plan ? change.path == "version" : !is_choice(change.path)) continue;
    list.push(Json()
                  .set("what", (is_plan ? "plan." : "job.") + change.path)
                  .set("before", change.before)
                  .set("after", change.after));
  }
  return list;
}

}  // namespace

std::vector<Change> changes_between(std::string_view before_json, std::string_view after_json) {
  const Leaves before = leaves_of(before_json);
  const Leaves after = leaves_of(after_json);
  std::map<std::string, Change> changes;
  for (const auto& [path, value] : before) changes[path] = {path, value, none};
  for (const auto& [path, value] : after) {
    const auto known = changes.find(path);
    if (known == changes.end()) {
      changes[path] = {path, none, value};
    } else if (known->second.before == value) {
      changes.erase(known);
    } else {
      known->second.after = value;
    }
  }
  std::vector<Change> list;
  list.reserve(changes.size());
  for (auto& [path, change] : changes) list.push_back(std::move(change));
  return list;
}

Agreements::Agreements(const member::Stored& stored) {
  for (const auto& [key, value] : stored) {
    const auto json = provenance::parse_json(as_text(value), document_limits);
    if (!json) continue;
    if (key.starts_with(person_prefix)) {
      by_person_[StudyId::trusted(key.substr(person_prefix.size()))] =
          static_cast<std::uint32_t>(provenance::count_at(*json, "version").value_or(0));
    } else if (key.starts_with(agreed_prefix)) {
      const std::string rest = key.substr(agreed_prefix.size());
      const auto slash = rest.find('/');
      if (slash == std::string::npos) continue;
      last_[{StudyId::trusted(rest.substr(0, slash)), rest.substr(slash + 1)}] = {
          provenance::digest_at(*json, "spec_digest").value_or(Digest{}),
          static_cast<std::uint32_t>(provenance::count_at(*json, "version").value_or(1)),
          text_or_empty(*json, "plan"), text_or_empty(*json, "spec")};
    }
  }
}

member::Actions Agreements::approved(const protocol::JobView& job, const member::Study& study) {
  Agreed& known = last_[{job.study, job.kind}];
  if (known.spec_digest == job.spec_digest || job.spec_json.empty()) return {};
  known = {job.spec_digest, study.plan.version, study.plan_json, job.spec_json};
  const Json json = Json()
                        .set("spec_digest", known.spec_digest)
                        .set("version", std::uint64_t{known.plan_version})
                        .set("plan", known.plan_json)
                        .set("spec", known.spec_json);
  return {member::Persist{agreed_key(job.study, job.kind), to_bytes(provenance::to_jcs(json))}};
}

member::Actions Agreements::person_agreed(const StudyId& study, std::uint32_t plan_version) {
  std::uint32_t& known = by_person_[study];
  if (known >= plan_version) return {};
  known = plan_version;
  return {member::Persist{
      fmt::format("{}{}", person_prefix, study),
      to_bytes(provenance::to_jcs(Json().set("version", std::uint64_t{plan_version})))}};
}

bool Agreements::needs_person(const member::Study& study) const {
  if (study.plan.version <= 1) return false;
  const auto known = by_person_.find(study.plan.study);
  return known == by_person_.end() || known->second < study.plan.version;
}

const Agreed* Agreements::last(const StudyId& study, std::string_view kind) const {
  const auto found = last_.find({study, std::string(kind)});
  return found == last_.end() ? nullptr : &found->second;
}

Json compared(const Agreements& agreements, const protocol::JobView& job,
              const member::Study& study) {
  Json json;
  const Agreed* last = agreements.last(job.study, job.kind);
  json.set("plan_version", std::uint64_t{study.plan.version});
  if (last == nullptr) return json.set("first", true).set("changes", Json::array());
  Json changes = list_of(changes_between(last->plan_json, study.plan_json), true);
  const Json of_spec = list_of(changes_between(last->spec_json, job.spec_json), false);
  if (!job.spec_json.empty()) {
    for (const Json& one : *of_spec.items()) changes.push(one);
  }
  json.set("first", false).set("approved_version", std::uint64_t{last->plan_version});
  return json.set("changes", std::move(changes));
}

}  // namespace cloister::site_agent
