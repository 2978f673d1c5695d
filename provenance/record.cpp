#include "provenance/record.h"

#include <algorithm>

#include "crypto/hash.h"
#include "provenance/leaf.h"
#include "provenance/merkle.h"
#include "provenance/record_json.h"

namespace cloister::provenance {
namespace {

constexpr std::string_view statement_type = "https://in-toto.io/Statement/v1";
constexpr std::string_view slsa_type = "https://slsa.dev/provenance/v1";
constexpr std::string_view own_type = "https://cloister.example/provenance/";

tl::unexpected<Error> bad(std::string what) {
  return fail(Kind::invalid, "record.format", std::move(what));
}
tl::unexpected<Error> too_much(std::string_view what) {
  return fail(Kind::exhausted, "record.limit",
              fmt::format("The record has too many or too long {}.", what));
}

bool is_uuid_v7(std::string_view text) {
  if (text.size() != 36 || text[14] != '7') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (text[i] >= '0' && text[i] <= '9') || (text[i] >= 'a' && text[i] <= 'f');
    if (dash ? text[i] != '-' : !hex) return false;
  }
  return std::string_view("89ab").find(text[19]) != std::string_view::npos;
}

bool has_long_text(const Record& record) {
  const auto is_long = [](const std::string& text) { return text.size() > record_text_max; };
  const auto names = [&](const auto& list) {
    return std::any_of(list.begin(), list.end(),
                       [&](const auto& one) { return is_long(one.name); });
  };
  return is_long(record.stage) || is_long(record.purpose) || is_long(record.legal_basis) ||
         is_long(record.reason) || is_long(record.actor.org) ||
         is_long(record.actor.on_behalf_of) || is_long(record.retention_until) ||
         names(record.subjects) || names(record.inputs) ||
         std::any_of(record.recipients.begin(), record.recipients.end(), is_long) ||
         std::any_of(record.inputs.begin(), record.inputs.end(),
                     [&](const Input& input) { return is_long(input.role); });
}

Result<void> check(const Record& record) {
  if (!is_uuid_v7(record.record_id)) return bad("The record's id is no UUID of version 7.");
  if (record.actor.id.empty() || record.actor.org.empty()) {
    return bad("The record does not say who acted and for which organisation.");
  }
  if (record.signer_seq == 0 || (record.signer_seq == 1) != record.prev_by_signer.is_zero()) {
    return bad("The record's sequence number and previous hash contradict each other.");
  }
  if (record.subjects.empty()) return bad("The record has no subject.");
  if (record.details.fields() == nullptr) return bad("The record's details are no object.");
  if (record.subjects.size() > record_subjects_max) return too_much("subjects");
  if (record.inputs.size() > record_inputs_max) return too_much("inputs");
  if (record.approvals.size() > record_approvals_max) return too_much("approvals");
  if (record.recipients.size() > record_approvals_max) return too_much("recipients");
  if (has_long_text(record)) return too_much("texts");
  return {};
}

Json subjects_json(const std::vector<Subject>& subjects) {
  Json out = Json::array();
  for (const auto& subject : subjects) {
    Json one;
    one.set("digest", Json().set("sha256", subject.digest));
    one.set("name", subject.name);
    out.push(std::move(one));
  }
  return out;
}

Result<std::vector<Subject>> subjects_from(const Json* list) {
  if (list == nullptr || list->items() == nullptr) return bad("The statement has no subjects.");
  if (list->items()->size() > record_subjects_max) return too_much("subjects");
  std::vector<Subject> out;
  for (const Json& one : *list->items()) {
    const Json* digests = one.find("digest");
    if (digests == nullptr) return bad("A subject has no digest.");
    const auto digest = digest_at(*digests, "sha256");
    if (!digest) return pass(digest);
    out.push_back({text_or_empty(one, "name"), *digest});
  }
  return out;
}

// SLSA v1: buildDefinition and runDetails as its readers expect them; ours beside them.
Json slsa_predicate(const Record& record, Json common) {
  Json materials = Json::array();
  for (const auto& input : record.inputs) {
    Json one;
    one.set("annotations", Json().set("role", input.role));
    one.set("digest", Json().set("sha256", input.digest));
    one.set("name", input.name);
    materials.push(std::move(one));
  }
  Json definition;
  definition.set("buildType", std::string(own_type) + "pooled-training/v1");
  definition.set("externalParameters",
                 Json().set("job", record.job.text()).set("study", record.study.text()));
  definition.set("resolvedDependencies", std::move(materials));
  Json run;
  run.set("builder", Json().set("id", std::string(own_type) + "trainer/" + record.actor.org));
  run.set(
      "metadata",
      Json().set("finishedOn", to_rfc3339(record.issued_at)).set("invocationId", record.record_id));
  Json out;
  out.set("buildDefinition", std::move(definition));
  out.set("runDetails", std::move(run));
  out.set("cloister_record", std::move(common));
  return out;
}

}  // namespace

std::string predicate_type(RecordKind kind) {
  if (kind == RecordKind::train_completed) return std::string(slsa_type);
  return fmt::format("{}{}/v1", own_type, to_string(kind));
}

Result<Bytes> to_statement(const Record& record) {
  if (auto good = check(record); !good) return pass(good);
  Json common = common_to_json(record);
  Json statement;
  statement.set("_type", statement_type);
  statement.set("predicate", record.kind == RecordKind::train_completed
                                 ? slsa_predicate(record, std::move(common))
                                 : std::move(common));
  statement.set("predicateType", predicate_type(record.kind));
  statement.set("subject", subjects_json(record.subjects));
  Bytes bytes = cloister::to_bytes(to_jcs(statement));
  // The whole is an upper bound of its part: the details are measured only if they could be large.
  if (bytes.size() > record_details_bytes_max &&
      to_jcs(record.details).size() > record_details_bytes_max) {
    return too_much("details");
  }
  return bytes;
}

Result<Record> read_admitted_statement(BytesView payload) {
  const auto json =
      parse_json(as_text(payload), {.bytes_max = envelope_bytes_max, .depth_max = 16});
  if (!json) return pass(json);
  if (text_or_empty(*json, "_type") != statement_type) {
    return bad("The payload is no in-toto Statement v1.");
  }
  const Json* predicate = json->find("predicate");
  if (predicate == nullptr) return bad("The statement has no predicate.");
  const std::string type = text_or_empty(*json, "predicateType");
  const bool is_slsa = type == slsa_type;
  const Json* common = is_slsa ? predicate->find("cloister_record") : predicate;
  if (common == nullptr) return bad("The SLSA provenance lacks the record's own fields.");
  auto record = common_from_json(*common);
  if (!record) return record;
  if (type != predicate_type(record->kind)) {
    return bad("The statement's predicate type and the record's kind differ.");
  }
  auto subjects = subjects_from(json->find("subject"));
  if (!subjects) return pass(subjects);
  record->subjects = std::move(*subjects);
  if (auto good = check(*record); !good) return pass(good);
  return record;
}

Result<Record> parse_statement(BytesView payload) {
  auto record = read_admitted_statement(payload);
  if (!record) return record;
  // One record has one spelling, so that nothing hides in what this reader would skip.
  const auto again = to_statement(*record);
  if (!again) return pass(again);
  if (!std::equal(again->begin(), again->end(), payload.begin(), payload.end())) {
    return bad("The statement is not in the canonical form, or has fields that no version knows.");
  }
  return record;
}

Result<Envelope> sign_record(const Record& record, const crypto::SecretKey& key) {
  auto statement = to_statement(record);
  if (!statement) return pass(statement);
  return sign_envelope(statement_payload_type, std::move(*statement), key);
}

Result<Digest> record_hash(const Envelope& envelope, const crypto::PublicKey& key) {
  const auto leaf = leaf_of(envelope, key);
  if (!leaf) return pass(leaf);
  return leaf_hash(to_bytes(*leaf));
}

}  // namespace cloister::provenance
