// OpenLineage 2-0-2: a run event for each record that made something, and for each failure.
#include "exports/exports.h"
#include "exports/words.h"

namespace cloister::exports {
namespace {

using provenance::Json;
using provenance::Record;
using provenance::RecordKind;
using provenance::StoredRecord;

constexpr std::string_view producer = "https://cloister.example/exports/openlineage/v1";
constexpr std::string_view schema =
    "https://openlineage.io/spec/2-0-2/OpenLineage.json#/definitions/RunEvent";

Json facet(std::string_view name) {
  return Json()
      .set("_producer", producer)
      .set("_schemaURL", fmt::format("https://cloister.example/facets/{}.json", name));
}

// How anybody proves this event: the record's name in the log, and the checkpoint.
Json proof_facet(const ExportView& view, const StoredRecord& stored) {
  return facet("cloister_proof")
      .set("log", view.log)
      .set("index", stored.index)
      .set("leafHash", stored.note.leaf_hash)
      .set("signer", stored.note.signer.text())
      .set("checkpointSize", view.history.head.size)
      .set("checkpointRoot", view.history.head.root);
}

Json dataset(const ExportView& view, const Digest& digest, const std::string& what) {
  Json facets = Json().set("cloister_thing", facet("cloister_thing").set("kind", what));
  return Json()
      .set("namespace", view.log)
      .set("name", "sha256:" + to_hex(digest))
      .set("facets", std::move(facets));
}

Json event_of(const ExportView& view, const StoredRecord& stored) {
  const Record& record = *stored.record;
  Json inputs = Json::array();
  for (const auto& input : record.inputs) {
    inputs.push(dataset(view, input.digest, input.name.empty() ? input.role : input.name));
  }
  Json outputs = Json::array();
  for (const auto& product : products(record)) {
    outputs.push(dataset(view, product.digest, product.name));
  }
  const std::string name = record.job.empty()
                               ? fmt::format("{}/{}", record.study, to_string(record.kind))
                               : record.job.text();
  const bool failed = record.kind == RecordKind::job_failed;
  Json run = Json().set("runId", record.record_id);
  run.set("facets", Json().set("cloister_proof", proof_facet(view, stored)));
  return Json()
      .set("eventType", failed ? "FAIL" : "COMPLETE")
      .set("eventTime", when(record.issued_at))
      .set("run", std::move(run))
      .set("job", Json().set("namespace", view.log + "/" + record.actor.org).set("name", name))
      .set("inputs", std::move(inputs))
      .set("outputs", std::move(outputs))
      .set("producer", producer)
      .set("schemaURL", schema);
}

}  // namespace

Files to_openlineage(const ExportView& view) {
  std::string out;
  for (const StoredRecord* stored : readable(view)) {
    const bool made = !products(*stored->record).empty();
    if (made || stored->note.kind == RecordKind::job_failed) {
      out += to_jcs(event_of(view, *stored)) + "\n";
    }
  }
  return {{"openlineage.ndjson", std::move(out)}};
}

}  // namespace cloister::exports
