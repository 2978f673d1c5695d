#include "provenance/record_json.h"

namespace cloister::provenance {
namespace {

constexpr std::string_view schema = "cloister-record/1";

tl::unexpected<Error> bad(std::string_view field) {
  return fail(Kind::invalid, "record.format",
              fmt::format("The record's field '{}' is missing or wrong.", field));
}

void set_text(Json& json, std::string_view key, const std::string& text) {
  if (!text.empty()) json.set(key, text);
}

Json to_json(const Actor& actor) {
  Json out;
  out.set("id", actor.id.text());
  set_text(out, "onBehalfOf", actor.on_behalf_of);
  out.set("org", actor.org);
  out.set("role", to_string(actor.role));
  return out;
}

Json to_json(const Input& input) {
  Json out;
  out.set("digest", Json().set("sha256", input.digest));
  if (input.leaf_index) out.set("leafIndex", *input.leaf_index);
  set_text(out, "name", input.name);
  set_text(out, "role", input.role);
  return out;
}

Json to_json(const Classification& value) {
  Json out;
  out.set("category", value.category);
  set_text(out, "deidentification", value.deidentification);
  out.set("gbt39725Level", value.level);
  out.set("personal", value.personal);
  return out;
}

Json to_json(const Protection& value) {
  Json out;
  set_text(out, "cipher", value.cipher);
  if (value.dp_epsilon) out.set("dpEpsilon", *value.dp_epsilon);
  if (!value.encoder.is_zero()) out.set("encoder", value.encoder);
  if (!value.indicators.empty()) {
    Json list = Json::array();
    for (const auto& indicator : value.indicators) list.push(to_json(indicator));
    out.set("indicators", std::move(list));
  }
  return out.is_null() ? Json::object() : out;
}

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok:
      return "ok";
    case Outcome::fail:
      return "fail";
    case Outcome::denied:
      break;
  }
  return "denied";
}

Result<Actor> actor_from(const Json* json) {
  if (json == nullptr) return bad("actor");
  const auto id = MemberId::parse(text_or_empty(*json, "id"));
  const auto role = role_from_name(text_or_empty(*json, "role"));
  if (!id || !role) return bad("actor");
  return Actor{*id, *role, text_or_empty(*json, "org"), text_or_empty(*json, "onBehalfOf")};
}

Result<std::vector<Input>> inputs_from(const Json* list) {
  std::vector<Input> out;
  if (list == nullptr) return out;
  if (list->items() == nullptr || list->items()->size() > record_inputs_max) return bad("inputs");
  for (const Json& one : *list->items()) {
    const Json* digests = one.find("digest");
    const auto digest = digests == nullptr ? bad("inputs") : digest_at(*digests, "sha256");
    if (!digest) return bad("inputs");
    Input input{text_or_empty(one, "role"), text_or_empty(one, "name"), *digest, {}};
    if (one.find("leafIndex") != nullptr) {
      const auto index = count_at(one, "leafIndex");
      if (!index) return bad("inputs");
      input.leaf_index = *index;
    }
    out.push_back(std::move(input));
  }
  return out;
}

Result<std::vector<std::string>> texts_from(const Json& json, std::string_view key) {
  std::vector<std::string> out;
  const Json* list = json.find(key);
  if (list == nullptr) return out;
  if (list->items() == nullptr) return bad(key);
  for (const Json& one : *list->items()) {
    if (one.text() == nullptr) return bad(key);
    out.push_back(*one.text());
  }
  return out;
}

Result<Classification> classification_from(const Json& json) {
  const auto level = count_at(json, "gbt39725Level");
  const auto category = count_at(json, "category");
  const Json* personal = json.find("personal");
  if (!level || *level > 5 || !category || *category > 6) return bad("classification");
  if (personal == nullptr || personal->boolean() == nullptr) return bad("classification");
  return Classification{static_cast<int>(*level), static_cast<int>(*category), *personal->boolean(),
                        text_or_empty(json, "deidentification")};
}

Result<Protection> protection_from(const Json& json) {
  Protection out;
  out.cipher = text_or_empty(json, "cipher");
  if (const Json* epsilon = json.find("dpEpsilon")) {
    if (!epsilon->number()) return bad("protection");
    out.dp_epsilon = *epsilon->number();
  }
  if (json.find("encoder") != nullptr) {
    const auto encoder = digest_at(json, "encoder");
    if (!encoder) return bad("protection");
    out.encoder = *encoder;
  }
  if (const Json* list = json.find("indicators")) {
    if (list->items() == nullptr) return bad("protection");
    for (const Json& one : *list->items()) {
      auto indicator = indicator_from(one);
      if (!indicator) return pass(indicator);
      out.indicators.push_back(std::move(*indicator));
    }
  }
  return out;
}

Result<void> read_optional(const Json& json, Record& record) {
  if (const Json* policy = json.find("policy")) {
    const auto digest = digest_at(*policy, "sha256");
    if (!digest) return bad("policy");
    record.policy = PolicyRef{text_or_empty(*policy, "uri"), *digest};
  }
  if (const Json* classification = json.find("classification")) {
    auto value = classification_from(*classification);
    if (!value) return pass(value);
    record.classification = std::move(*value);
  }
  if (const Json* protection = json.find("protection")) {
    auto value = protection_from(*protection);
    if (!value) return pass(value);
    record.protection = std::move(*value);
  }
  if (const Json* border = json.find("crossBorder")) {
    record.cross_border = CrossBorder{text_or_empty(*border, "from"), text_or_empty(*border, "to"),
                                      text_or_empty(*border, "basis")};
  }
  if (const Json* details = json.find("details")) record.details = *details;
  return {};
}

Result<void> read_lists(const Json& json, Record& record) {
  auto inputs = inputs_from(json.find("inputs"));
  if (!inputs) return pass(inputs);
  record.inputs = std::move(*inputs);
  auto recipients = texts_from(json, "recipients");
  if (!recipients) return pass(recipients);
  record.recipients = std::move(*recipients);
  const auto approvals = texts_from(json, "approvals");
  if (!approvals) return pass(approvals);
  for (const auto& hex : *approvals) {
    const auto digest = digest_from_hex(hex);
    if (!digest) return bad("approvals");
    record.approvals.push_back(*digest);
  }
  return {};
}

Result<void> read_outcome(const Json& json, Record& record) {
  const Json* outcome = json.find("outcome");
  if (outcome == nullptr) return bad("outcome");
  const std::string result = text_or_empty(*outcome, "result");
  record.reason = text_or_empty(*outcome, "reason");
  for (auto one : {Outcome::ok, Outcome::fail, Outcome::denied}) {
    if (result == outcome_name(one)) {
      record.outcome = one;
      return {};
    }
  }
  return bad("outcome");
}

Result<void> read_ids(const Json& json, Record& record) {
  record.study = StudyId::trusted(text_or_empty(json, "study"));
  record.job = JobId::trusted(text_or_empty(json, "job"));
  if (!record.study.empty() && !is_valid_id(record.study.text())) return bad("study");
  if (!record.job.empty() && !is_valid_id(record.job.text())) return bad("job");
  return {};
}

}  // namespace

Json to_json(const Indicator& indicator) {
  Json out;
  out.set("name", indicator.name);
  out.set("pass", indicator.pass);
  if (!indicator.test_digest.is_zero()) out.set("testDigest", indicator.test_digest);
  out.set("threshold", indicator.threshold);
  out.set("value", indicator.value);
  return out;
}

Result<Indicator> indicator_from(const Json& json) {
  Indicator out;
  const Json* pass_field = json.find("pass");
  const Json* value = json.find("value");
  const Json* threshold = json.find("threshold");
  const auto name = text_at(json, "name");
  if (!name || pass_field == nullptr || pass_field->boolean() == nullptr || value == nullptr ||
      !value->number() || threshold == nullptr || !threshold->number()) {
    return bad("indicators");
  }
  out.name = *name;
  out.pass = *pass_field->boolean();
  out.value = *value->number();
  out.threshold = *threshold->number();
  if (json.find("testDigest") != nullptr) {
    const auto digest = digest_at(json, "testDigest");
    if (!digest) return bad("indicators");
    out.test_digest = *digest;
  }
  return out;
}

Json common_to_json(const Record& record) {
  Json out;
  out.set("actor", to_json(record.actor));
  if (!record.approvals.empty()) {
    Json list = Json::array();
    for (const auto& approval : record.approvals) list.push(approval);
    out.set("approvals", std::move(list));
  }
  if (record.classification) out.set("classification", to_json(*record.classification));
  if (record.cross_border) {
    Json border = Json::object();
    set_text(border, "basis", record.cross_border->basis);
    set_text(border, "from", record.cross_border->from);
    set_text(border, "to", record.cross_border->to);
    out.set("crossBorder", std::move(border));
  }
  if (!record.details.fields()->empty()) out.set("details", record.details);
  if (!record.inputs.empty()) {
    Json list = Json::array();
    for (const auto& input : record.inputs) list.push(to_json(input));
    out.set("inputs", std::move(list));
  }
  out.set("issuedAt", to_rfc3339(record.issued_at));
  set_text(out, "job", record.job.text());
  out.set("kind", to_string(record.kind));
  set_text(out, "legalBasis", record.legal_basis);
  Json outcome;
  set_text(outcome, "reason", record.reason);
  outcome.set("result", outcome_name(record.outcome));
  out.set("outcome", std::move(outcome));
  if (record.policy) {
    Json policy;
    policy.set("sha256", record.policy->sha256);
    set_text(policy, "uri", record.policy->uri);
    out.set("policy", std::move(policy));
  }
  if (!record.prev_by_signer.is_zero()) out.set("prevBySigner", record.prev_by_signer);
  if (record.protection) out.set("protection", to_json(*record.protection));
  set_text(out, "purpose", record.purpose);
  if (!record.recipients.empty()) {
    Json list = Json::array();
    for (const auto& recipient : record.recipients) list.push(recipient);
    out.set("recipients", std::move(list));
  }
  out.set("recordId", record.record_id);
  set_text(out, "retentionUntil", record.retention_until);
  out.set("schema", schema);
  out.set("signerSeq", record.signer_seq);
  set_text(out, "stage", record.stage);
  set_text(out, "study", record.study.text());
  return out;
}

Result<Record> common_from_json(const Json& json) {
  if (text_or_empty(json, "schema") != schema) {
    return fail(Kind::unsupported, "record.schema",
                "The record is of a schema that this version does not know.", "Upgrade.");
  }
  Record record;
  const auto kind = kind_from_name(text_or_empty(json, "kind"));
  if (!kind) {
    return fail(Kind::unsupported, "record.kind", "The record is of an unknown kind.", "Upgrade.");
  }
  record.kind = *kind;
  record.record_id = text_or_empty(json, "recordId");
  const auto seq = count_at(json, "signerSeq");
  const auto issued_at = instant_from_rfc3339(text_or_empty(json, "issuedAt"));
  if (!seq) return bad("signerSeq");
  if (!issued_at) return bad("issuedAt");
  record.signer_seq = *seq;
  record.issued_at = *issued_at;
  if (json.find("prevBySigner") != nullptr) {
    const auto previous = digest_at(json, "prevBySigner");
    if (!previous) return bad("prevBySigner");
    record.prev_by_signer = *previous;
  }
  auto actor = actor_from(json.find("actor"));
  if (!actor) return pass(actor);
  record.actor = std::move(*actor);
  record.stage = text_or_empty(json, "stage");
  record.purpose = text_or_empty(json, "purpose");
  record.legal_basis = text_or_empty(json, "legalBasis");
  record.retention_until = text_or_empty(json, "retentionUntil");
  for (auto read : {read_ids, read_lists, read_optional, read_outcome}) {
    if (auto good = read(json, record); !good) return pass(good);
  }
  return record;
}

}  // namespace cloister::provenance
