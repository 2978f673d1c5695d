// Admission: what may leave a site. A transfer needs a permit by a person of the site; a permit to
// release something needs its gate report, and exceptions for whatever the gate failed.
#include <algorithm>
#include <set>

#include "provenance/admission.h"
#include "provenance/closure.h"
#include "provenance/record_json.h"

namespace cloister::provenance {
namespace {

tl::unexpected<Error> no_permit(std::string what) {
  return fail(Kind::forbidden, "sequencer.permit", std::move(what),
              "A steward of the site signs a release permit for exactly this.");
}
tl::unexpected<Error> no_gate(std::string what, std::string next) {
  return fail(Kind::forbidden, "sequencer.gate", std::move(what), std::move(next));
}

// Readable records of a kind at the far end of edges.
Result<std::vector<StoredRecord>> records_at(const AdmissionView& view,
                                             const std::vector<GraphEdge>& edges, RecordKind kind) {
  std::vector<StoredRecord> out;
  for (const GraphEdge& edge : edges) {
    const auto note = record_note(view.ledger, edge.index);
    if (!note) return pass(note);
    if (note->kind != kind) continue;
    auto record = stored_record(view.ledger, edge.index);
    if (!record) return pass(record);
    if (record->record) out.push_back(std::move(*record));
  }
  return out;
}

// Judgements about an artefact: gate reports and permits.
Result<std::vector<StoredRecord>> judgements(const AdmissionView& view, const Digest& artefact,
                                             RecordKind kind) {
  const auto edges = edges_of(view.ledger, artefact, Direction::forward, Edge::about);
  if (!edges) return pass(edges);
  return records_at(view, *edges, kind);
}

// Permits that the transfer cites as approvals, or by their digest as inputs.
Result<std::vector<StoredRecord>> cited_permits(const AdmissionView& view, const Record& record) {
  std::vector<GraphEdge> edges;
  for (const Digest& hash : record.approvals) {
    const auto index = index_of(view.ledger, hash);
    if (!index) return pass(index);
    if (*index) edges.push_back({hash, hash, Edge::approved, **index});
  }
  for (const Input& input : record.inputs) {
    auto made = producers(view.ledger, input.digest);
    if (!made) return pass(made);
    edges.insert(edges.end(), made->begin(), made->end());
  }
  return records_at(view, edges, RecordKind::permit_granted);
}

// True if `thing` is one of the permit's inputs, or came out of the same step as one (the shards
// of a released manifest).
Result<bool> covers(const AdmissionView& view, const Record& permit, const Digest& thing) {
  std::set<Digest> released;
  for (const Input& input : permit.inputs) released.insert(input.digest);
  if (released.contains(thing)) return true;
  const auto made = producers(view.ledger, thing);
  if (!made) return pass(made);
  for (const GraphEdge& edge : *made) {
    const auto siblings = edges_of(view.ledger, edge.from, Direction::forward, Edge::generated);
    if (!siblings) return pass(siblings);
    const bool is_released =
        std::any_of(siblings->begin(), siblings->end(),
                    [&](const GraphEdge& other) { return released.contains(other.to); });
    if (is_released) return true;
  }
  return false;
}

Result<bool> allows(const AdmissionView& view, const Record& permit_record, const Record& sent) {
  const auto permit = permit_from(permit_record.details);
  if (!permit || permit->type == Permit::Type::exception) return false;
  if (permit_record.actor.org != sent.actor.org || permit_record.study != sent.study) return false;
  for (const auto& recipient : sent.recipients) {
    if (recipient != permit->recipient && recipient != permit->recipient_key) return false;
  }
  if (permit->type == Permit::Type::standing) {
    return std::find(permit->purposes.begin(), permit->purposes.end(), sent.purpose) !=
           permit->purposes.end();
  }
  for (const Subject& subject : sent.subjects) {
    const auto covered = covers(view, permit_record, subject.digest);
    if (!covered || !*covered) return covered;
  }
  return true;
}

// An indicator and the value that was measured: an exception is for that value only.
using Measured = std::set<std::pair<std::string, double>>;

double value_of(const Json& indicator) {
  const Json* value = indicator.find("value");
  return value == nullptr ? 0 : value->number().value_or(0);
}

// What a gate report does not pass; nothing if it has no indicators.
std::optional<Measured> failed_indicators(const Record& report) {
  Measured failed;
  std::size_t count = 0;
  if (report.protection) {
    for (const Indicator& indicator : report.protection->indicators) {
      ++count;
      if (!indicator.pass) failed.emplace(indicator.name, indicator.value);
    }
  }
  const Json* list = report.details.find("indicators");
  if (list != nullptr && list->items() != nullptr) {
    for (const Json& one : *list->items()) {
      ++count;
      const Json* passed = one.find("pass");
      const bool good = text_or_empty(one, "verdict") == "pass" ||
                        (passed != nullptr && passed->boolean() != nullptr && *passed->boolean());
      if (!good) failed.emplace(text_or_empty(one, "name"), value_of(one));
    }
  }
  if (count == 0) return std::nullopt;
  return failed;
}

// Takes away what exceptions by persons of the site name.
Result<void> excuse(const AdmissionView& view, const Digest& manifest, const std::string& org,
                    Measured& failed) {
  const auto permits = judgements(view, manifest, RecordKind::permit_granted);
  if (!permits) return pass(permits);
  for (const StoredRecord& stored : *permits) {
    const auto permit = permit_from(stored.record->details);
    if (!permit || permit->type != Permit::Type::exception) continue;
    if (stored.record->actor.org != org) continue;
    for (const Indicator& one : permit->indicators) failed.erase({one.name, one.value});
  }
  return {};
}

Result<bool> is_encoded(const AdmissionView& view, const Digest& thing) {
  const auto made = producers(view.ledger, thing);
  if (!made) return pass(made);
  const auto records = records_at(view, *made, RecordKind::dataset_encoded);
  if (!records) return pass(records);
  return !records->empty();
}

tl::unexpected<Error> not_assessed() {
  return no_gate("The permit would release something that the gate has not assessed.",
                 "Run assess-privacy on it first.");
}

// False for what is no encoded data: the gate's own report, say.
Result<bool> is_gated(const AdmissionView& view, const Digest& thing, const Record& permit) {
  auto reports = judgements(view, thing, RecordKind::gate_reported);
  if (!reports) return pass(reports);
  // Nobody else's report opens or closes a site's gate.
  std::erase_if(*reports, [&](const StoredRecord& by) { return by.note.org != permit.actor.org; });
  if (reports->empty()) {
    const auto encoded = is_encoded(view, thing);
    if (!encoded) return pass(encoded);
    if (*encoded) return not_assessed();  // though something else in this permit may be
    return false;
  }
  auto failed = failed_indicators(*reports->back().record);  // the newest one counts
  if (!failed) {
    return no_gate("The gate report measured nothing, so nothing may leave.",
                   "Run the gate's attacks on exactly these codes.");
  }
  if (auto done = excuse(view, thing, permit.actor.org, *failed); !done) return pass(done);
  if (failed->empty()) return true;
  return no_gate(fmt::format("The gate did not pass '{}' ({:.4g}), and no named person made an "
                             "exception for that value.",
                             failed->begin()->first, failed->begin()->second),
                 "Improve the encoding, or have a steward sign an exception that names it.");
}

}  // namespace

Result<void> check_permit(const AdmissionView& view, const Record& record) {
  if (record.kind != RecordKind::transfer_sent) return {};
  const auto permits = cited_permits(view, record);
  if (!permits) return pass(permits);
  if (permits->empty()) return no_permit("The transfer cites no permit.");
  for (const StoredRecord& permit : *permits) {
    const auto good = allows(view, *permit.record, record);
    if (!good) return pass(good);
    if (*good) return {};
  }
  return no_permit(
      "No permit that the transfer cites covers these things, this recipient and this "
      "purpose.");
}

Result<void> check_gate(const AdmissionView& view, const Record& record) {
  if (record.kind != RecordKind::permit_granted) return {};
  const auto permit = permit_from(record.details);
  if (!permit) return fail(Kind::invalid, "sequencer.format", permit.error().what);
  if (permit->type != Permit::Type::release || !view.rules.gate_required) return {};
  bool gated = false;
  for (const Input& input : record.inputs) {
    const auto good = is_gated(view, input.digest, record);
    if (!good) return pass(good);
    gated = gated || *good;
  }
  if (gated) return {};
  return not_assessed();
}

}  // namespace cloister::provenance
