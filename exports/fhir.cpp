// FHIR R4: a Bundle of Provenance (what was made) and AuditEvent (what was done, sent or read).
// Audit types are DICOM's (DCM): 110100 application activity, 110101 audit log used, 110106 export.
#include "exports/exports.h"
#include "exports/words.h"
#include "provenance/lineage_text.h"

namespace cloister::exports {
namespace {

using provenance::Json;
using provenance::Outcome;
using provenance::Record;
using provenance::RecordKind;
using provenance::StoredRecord;

constexpr std::string_view dicom = "http://dicom.nema.org/resources/ontology/DCM";

Json one_of(Json value) { return Json::array().push(std::move(value)); }

Json identifier(const Digest& digest) {
  return Json().set("system", "urn:ietf:rfc:3986").set("value", urn(digest));
}
Json thing(const Digest& digest, const std::string& name) {
  Json reference = Json().set("identifier", identifier(digest));
  if (!name.empty()) reference.set("display", name);
  return reference;
}
Json member(const ExportView& view, const Record& record) {
  return Json()
      .set("identifier",
           Json().set("system", "urn:cloister:" + view.log).set("value", record.actor.id.text()))
      .set("display", fmt::format("{} ({}, {})", record.actor.id, to_string(record.actor.role),
                                  record.actor.org));
}
Json words(std::string_view text) { return Json().set("text", text); }

Json provenance_of(const ExportView& view, const StoredRecord& stored) {
  const Record& record = *stored.record;
  Json targets = Json::array();
  for (const auto& product : products(record)) targets.push(thing(product.digest, product.name));
  Json entities = Json::array();
  for (const auto& input : record.inputs) {
    entities.push(
        Json()
            .set("role", "source")
            .set("what", thing(input.digest, input.name.empty() ? input.role : input.name)));
  }
  Json out;
  out.set("resourceType", "Provenance").set("id", uuid_of(stored.note.leaf_hash));
  out.set("target", std::move(targets)).set("recorded", when(record.issued_at));
  out.set("activity", words(to_string(record.kind)));
  if (record.policy) out.set("policy", one_of(urn(record.policy->sha256)));
  if (!record.purpose.empty()) out.set("reason", one_of(words(record.purpose)));
  Json agent = Json().set("who", member(view, record));
  if (!record.actor.on_behalf_of.empty()) {
    agent.set("onBehalfOf", Json().set("display", record.actor.on_behalf_of));
  }
  out.set("agent", one_of(std::move(agent)));
  if (!entities.items()->empty()) out.set("entity", std::move(entities));
  return out;
}

struct AuditType {
  std::string_view code;
  std::string_view display;
  std::string_view action;  // create, read, update, delete, execute
};
AuditType type_of(RecordKind kind) {
  if (kind == RecordKind::access_logged) return {"110101", "Audit Log Used", "R"};
  if (kind == RecordKind::transfer_sent || kind == RecordKind::export_issued)
    return {"110106", "Export", "R"};
  if (kind == RecordKind::transfer_received) return {"110107", "Import", "C"};
  if (kind == RecordKind::erase_executed) return {"110100", "Application Activity", "D"};
  return {"110100", "Application Activity", "E"};
}

Json event_of(const ExportView& view, const StoredRecord& stored) {
  const Record& record = *stored.record;
  const AuditType type = type_of(record.kind);
  const bool is_ok = record.outcome == Outcome::ok;
  Json entities = Json::array();
  for (const auto& subject : record.subjects) {
    entities.push(Json().set("what", thing(subject.digest, subject.name)));
  }
  Json out;
  out.set("resourceType", "AuditEvent").set("id", uuid_of(stored.note.leaf_hash));
  out.set("type", Json().set("system", dicom).set("code", type.code).set("display", type.display));
  out.set("subtype", one_of(Json()
                                .set("system", "https://cloister.example/provenance/kind")
                                .set("code", to_string(record.kind))));
  out.set("action", type.action).set("recorded", when(record.issued_at));
  out.set("outcome", is_ok ? "0" : "8");
  if (!record.reason.empty()) out.set("outcomeDesc", told_reason(stored));
  if (!record.purpose.empty()) out.set("purposeOfEvent", one_of(words(record.purpose)));
  out.set("agent", one_of(Json().set("who", member(view, record)).set("requestor", true)));
  out.set("source", Json().set("site", view.log).set("observer", Json().set("display", view.log)));
  out.set("entity", std::move(entities));
  return out;
}

}  // namespace

Files to_fhir(const ExportView& view) {
  Json entries = Json::array();
  for (const StoredRecord* stored : readable(view)) {
    const bool made = !products(*stored->record).empty();
    Json resource = made ? provenance_of(view, *stored) : event_of(view, *stored);
    entries.push(Json()
                     .set("fullUrl", "urn:uuid:" + uuid_of(stored->note.leaf_hash))
                     .set("resource", std::move(resource)));
  }
  const Json bundle = Json()
                          .set("resourceType", "Bundle")
                          .set("type", "collection")
                          .set("identifier", identifier(view.history.closure_digest))
                          .set("timestamp", when(view.history.records.back().note.issued_at))
                          .set("entry", std::move(entries));
  return {{"fhir.json", to_pretty(bundle) + "\n"}};
}

}  // namespace cloister::exports
