// Admission: a network is released only after it was asked whether it gives its patients away.
#include "provenance/admission.h"
#include "provenance/closure.h"
#include "provenance/model_release.h"

namespace cloister::provenance {
namespace {

using Visit = std::function<void(const StoredRecord&)>;

Result<void> each_at(const AdmissionView& view, const Result<std::vector<GraphEdge>>& edges,
                     const Visit& visit) {
  if (!edges) return pass(edges);
  for (const GraphEdge& edge : *edges) {
    const auto record = stored_record(view.ledger, edge.index);
    if (!record) return pass(record);
    if (record->record) visit(*record);
  }
  return {};
}

// The sites whose encoded datasets went into it.
Result<std::set<std::string>> origins_of(const AdmissionView& view, const Digest& model) {
  std::set<Digest> read;
  const auto note_inputs = [&](const StoredRecord& made) {
    for (const Input& input : made.record->inputs) read.insert(input.digest);
  };
  if (auto ok = each_at(view, producers(view.ledger, model), note_inputs); !ok) return pass(ok);
  std::set<std::string> sites;
  const auto note_site = [&](const StoredRecord& made) {
    if (made.record->kind == RecordKind::dataset_encoded) sites.insert(made.record->actor.org);
  };
  for (const Digest& thing : read) {
    if (auto ok = each_at(view, producers(view.ledger, thing), note_site); !ok) return pass(ok);
  }
  return sites;
}

Result<bool> is_model(const AdmissionView& view, const Digest& thing) {
  bool found = false;
  const auto look = [&](const StoredRecord& made) {
    const RecordKind kind = made.record->kind;
    found = found || kind == RecordKind::model_produced || kind == RecordKind::train_completed;
  };
  if (auto ok = each_at(view, producers(view.ledger, thing), look); !ok) return pass(ok);
  return found;
}

Result<void> check_one(const AdmissionView& view, const Digest& model, const std::string& reason) {
  const auto sites = origins_of(view, model);
  if (!sites) return pass(sites);
  MembershipTests tests(model);
  const auto about = edges_of(view.ledger, model, Direction::forward, Edge::about);
  const auto take = [&](const StoredRecord& judged) { tests.take(*judged.record); };
  if (auto ok = each_at(view, about, take); !ok) return ok;
  const auto allowed = tests.allow(*sites, reason);
  if (allowed) return {};
  return fail(Kind::forbidden, "sequencer.membership", allowed.error().what, allowed.error().next);
}

}  // namespace

Result<void> check_model_release(const AdmissionView& view, const Record& record) {
  if (record.kind != RecordKind::model_released) return {};
  std::set<Digest> models;
  for (const Subject& subject : record.subjects) models.insert(subject.digest);
  for (const Input& input : record.inputs) {  // a network may be named as an input too
    const auto found = is_model(view, input.digest);
    if (!found) return pass(found);
    if (*found) models.insert(input.digest);
  }
  for (const Digest& model : models) {
    if (auto ok = check_one(view, model, record.reason); !ok) return ok;
  }
  return {};
}

}  // namespace cloister::provenance
