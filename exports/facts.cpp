#include "exports/facts.h"

#include <algorithm>

#include "exports/words.h"
#include "provenance/lineage_text.h"

namespace cloister::exports {
namespace {

using provenance::count_at;
using provenance::Json;
using provenance::Record;
using provenance::RecordKind;
using provenance::StoredRecord;
using provenance::text_or_empty;

double real_at(const Json& json, std::string_view key) {
  const Json* value = json.find(key);
  return value == nullptr ? 0 : value->number().value_or(0);
}

Signed signed_by(const StoredRecord& stored, std::string what) {
  return {stored.record->actor.id.text(), stored.record->issued_at, stored.index, std::move(what),
          told_reason(stored)};
}

void fold_plan(Facts& facts, const StoredRecord& stored) {
  const Json* carried = stored.record->details.find("plan");
  if (carried == nullptr) return;
  const std::string* text = carried->text();
  auto plan = protocol::plan_from_json(text ? *text : to_jcs(*carried));
  if (!plan) return;
  if (!facts.plan) facts.opened = stored.record->issued_at;
  for (const std::string& site : plan->sites) (void)facts.sites[site];
  facts.plan = std::move(*plan);
}

void fold_data(Facts& facts, const Record& record) {
  SiteFacts& site = facts.sites[record.actor.org];
  site.files = count_at(record.details, "files").value_or(0);
  site.patients = 0;
  const Json* splits = record.details.find("splits");
  if (splits == nullptr || splits->fields() == nullptr) return;
  for (const auto& [name, split] : *splits->fields()) {
    site.patients += count_at(split, "patients").value_or(0);
  }
}

std::vector<GateFinding> findings_at(const Json& details, std::string_view key) {
  std::vector<GateFinding> findings;
  const Json* list = details.find(key);
  if (list == nullptr || list->items() == nullptr) return findings;
  for (const Json& one : *list->items()) {
    findings.push_back(
        {text_or_empty(one, "name"), real_at(one, "value"), text_or_empty(one, "verdict")});
  }
  return findings;
}

void fold_gate(Facts& facts, const Record& record) {
  SiteFacts& site = facts.sites[record.actor.org];
  site.gate = findings_at(record.details, "indicators");
  if (!record.protection) return;
  for (const auto& one : record.protection->indicators) {
    site.gate.push_back({one.name, one.value, one.pass ? "pass" : "fail"});
  }
}

void fold_permit(Facts& facts, const StoredRecord& stored) {
  const auto permit = provenance::permit_from(stored.record->details);
  if (!permit) return;
  using Type = provenance::Permit::Type;
  const bool is_decoder =
      permit->type == Type::release && std::find(permit->purposes.begin(), permit->purposes.end(),
                                                 "mask-decoder") != permit->purposes.end();
  std::string what = is_decoder ? "release of the mask decoder: the trainer can read its masks"
                     : permit->type == Type::release  ? "release"
                     : permit->type == Type::standing ? "standing permit"
                                                      : "exception:";
  for (const auto& one : permit->indicators) what += fmt::format(" {} {:.3g}", one.name, one.value);
  Signed act = signed_by(stored, std::move(what));
  if (act.reason.empty()) act.reason = permit->reason;
  SiteFacts& site = facts.sites[stored.record->actor.org];
  site.decoder_left = site.decoder_left || is_decoder;
  site.permits.push_back(std::move(act));
}

void fold_evaluation(Facts& facts, const Record& record) {
  SiteFacts& site = facts.sites[record.actor.org];
  site.membership = findings_at(record.details, "membership");
  const Json* structures = record.details.find("structures");
  if (structures == nullptr || structures->fields() == nullptr) return;
  for (const auto& [name, one] : *structures->fields()) {
    const Json* dice = one.find("dsc");
    if (dice == nullptr) continue;
    const double mean = dice->number() ? *dice->number() : real_at(*dice, "mean");
    site.dice[name] = {mean, count_at(one, "patients").value_or(0)};
  }
}

void fold_withdrawal(Facts& facts, const StoredRecord& stored) {
  const Record& record = *stored.record;
  if (record.kind == RecordKind::consent_withdrawn) {
    facts.withdrawals.push_back(
        {record.actor.org, record.issued_at, stored.index, told_reason(stored), 0, 0, ""});
    return;
  }
  if (facts.withdrawals.empty()) return;
  WithdrawalFacts& last = facts.withdrawals.back();
  if (record.kind == RecordKind::quarantine_set) {
    last.quarantined += record.subjects.size();
    for (const auto& subject : record.subjects) {
      if (to_hex(subject.digest) == facts.model) facts.model_is_withdrawn = true;
    }
  }
  if (record.kind == RecordKind::retrain_completed) last.outcome = "a model without them";
  if (record.kind != RecordKind::impact_assessed) return;
  if (record.details.find("confirms") != nullptr) ++last.confirmed;
  if (text_or_empty(record.details, "decision") == "no-retrain") last.outcome = told_reason(stored);
}

void fold_protection(Facts& facts, const Record& record) {
  const auto add = [](std::vector<std::string>& all, const std::string& text) {
    if (!text.empty() && std::find(all.begin(), all.end(), text) == all.end()) all.push_back(text);
  };
  if (record.protection) add(facts.ciphers, record.protection->cipher);
  if (record.cross_border) {
    add(facts.cross_border, fmt::format("{} to {} ({})", record.cross_border->from,
                                        record.cross_border->to, record.cross_border->basis));
  }
}

}  // namespace

std::string guided_sites(const Facts& facts) {
  std::string out;
  for (const auto& [id, site] : facts.sites) {
    if (site.decoder_left) out += (out.empty() ? "" : ", ") + id;
  }
  return out;
}

Facts facts_of(const ExportView& view) {
  Facts facts;
  for (const StoredRecord* stored : readable(view)) {
    const Record& record = *stored->record;
    fold_protection(facts, record);
    fold_withdrawal(facts, *stored);
    if (record.kind == RecordKind::study_opened) fold_plan(facts, *stored);
    if (record.kind == RecordKind::raw_registered) fold_data(facts, record);
    if (record.kind == RecordKind::gate_reported) fold_gate(facts, record);
    if (record.kind == RecordKind::permit_granted) fold_permit(facts, *stored);
    if (record.kind == RecordKind::model_evaluated) fold_evaluation(facts, record);
    if (record.policy) facts.sites[record.actor.org].policy = to_hex(record.policy->sha256);
    const bool makes_model =
        record.kind == RecordKind::model_produced || record.kind == RecordKind::train_completed;
    if (makes_model && !record.subjects.empty()) {
      facts.model = to_hex(record.subjects.front().digest);
      facts.model_is_withdrawn = false;
      facts.approvals.clear();
      facts.released.reset();
    }
    if (record.kind == RecordKind::model_approved) {
      facts.approvals.push_back(signed_by(*stored, record.actor.org));
    }
    if (record.kind == RecordKind::model_released) facts.released = signed_by(*stored, "release");
  }
  // Members of no site are no controllers.
  std::erase_if(facts.sites, [&](const auto& entry) {
    const bool is_named =
        facts.plan && std::find(facts.plan->sites.begin(), facts.plan->sites.end(), entry.first) !=
                          facts.plan->sites.end();
    return facts.plan ? !is_named : entry.second.permits.empty() && entry.second.files == 0;
  });
  return facts;
}

}  // namespace cloister::exports
