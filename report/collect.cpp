#include "report/collect.h"

#include <algorithm>
#include <functional>

#include "protocol/plan.h"
#include "provenance/ledger.h"
#include "provenance/lineage.h"
#include "provenance/lineage_text.h"
#include "report/fold.h"

namespace cloister::report {
namespace {

using provenance::Json;
using provenance::Record;
using provenance::RecordKind;

void fold_study(Report& report, const Record& record) {
  const Json* carried = record.details.find("plan");
  if (carried == nullptr) return;
  const std::string* text = carried->text();
  const auto plan = protocol::plan_from_json(text ? *text : to_jcs(*carried));
  if (!plan) return;
  Study& study = report.study;
  study.id = plan->study.text();
  study.version = plan->version;
  study.title = plan->title;
  study.purpose = plan->purpose;
  study.legal_basis = plan->legal_basis;
  study.preset = plan->preset;
  study.encoder = plan->encoder;
  study.backbone = plan->backbone;
  study.own_segmentation = plan->parts.own_segmentation;
  study.pooling = plan->pooling;
  study.mask_decoder_leaves = plan->mask_decoder_leaves;
  study.budget = plan->budget.name;
  study.plan = record.subjects.empty() ? "" : to_hex(record.subjects.front().digest);
  study.phase = "open";
  study.quorum = plan->quorum;
  study.structures = plan->structures;
  study.sites = plan->sites;
  const protocol::Budget& budget = plan->budget;
  study.choices = {{"size_px", budget.size_px},
                   {"spacing_mm", budget.spacing_mm},
                   {"views", budget.views},
                   {"test_time_views", budget.test_time_views},
                   {"levels", budget.levels},
                   {"image_encoder_steps", budget.image_encoder_steps},
                   {"mask_encoder_steps", budget.mask_encoder_steps},
                   {"segmentation_steps", budget.segmentation_steps},
                   {"tune_steps", budget.tune_steps},
                   {"attack_steps", budget.attack_steps}};
  report.seeds["study"] = plan->seed;
  for (const auto& id : plan->sites) (void)site_of(report, id);
}

void fold_model(Report& report, const Record& record) {
  if (record.subjects.empty()) return;
  const Json& details = record.details;
  report.pooled.digest = to_hex(record.subjects.front().digest);
  report.pooled.final_loss = number_or(details, "final_loss", report.pooled.final_loss);
  report.pooled.seconds = number_or(details, "seconds", report.pooled.seconds);
  report.pooled.steps = count_or(details, "steps", report.pooled.steps);
  report.pooled.bytes = count_or(details, "bytes", count_or(details, "size", report.pooled.bytes));
  report.pooled.parameters = count_or(details, "parameters", report.pooled.parameters);
}

void fold_released(Report& report, const provenance::StoredRecord& stored) {
  report.study.phase = "released";
  report.study.released_by = stored.record->actor.id.text();
  report.study.release_reason = told_words(stored, stored.record->reason);
}
void fold_closed(Report& report, const Record&) { report.study.phase = "closed"; }

struct Fold {
  RecordKind kind;
  void (*apply)(Report&, const Record&);
};
// Kinds that are not here are counted, not shown.
constexpr Fold folds[] = {
    {RecordKind::study_opened, fold_study},         {RecordKind::raw_registered, fold_data},
    {RecordKind::encoder_trained, fold_encoder},    {RecordKind::dataset_encoded, fold_dataset},
    {RecordKind::gate_reported, fold_gate},         {RecordKind::transfer_sent, fold_sent},
    {RecordKind::train_completed, fold_model},      {RecordKind::model_produced, fold_model},
    {RecordKind::model_evaluated, fold_evaluation}, {RecordKind::study_closed, fold_closed}};

// What is known of a study while its records are gone through.
struct Seen {
  Jobs jobs;
  std::set<Digest> networks;
};

void fold_one(Report& report, Seen& seen, const provenance::StoredRecord& stored) {
  const Record& record = *stored.record;
  fold_job(seen.jobs, record);
  if (record.kind == RecordKind::train_completed || record.kind == RecordKind::model_produced) {
    for (const auto& subject : record.subjects) seen.networks.insert(subject.digest);
  }
  if (record.kind == RecordKind::permit_granted) fold_permit(report, seen.networks, stored);
  if (record.kind == RecordKind::model_released) fold_released(report, stored);
  for (const Fold& fold : folds) {
    if (fold.kind == record.kind) fold.apply(report, record);
  }
}

Result<void> count_kinds(const provenance::LedgerReader& ledger, Report& report) {
  auto head = provenance::ledger_head(ledger);
  if (!head) return pass(head);
  report.ledger.records = head->size;
  report.ledger.root = to_base64(head->root.view());
  for (std::uint64_t index = 0; index < head->size; ++index) {
    auto note = provenance::record_note(ledger, index);
    if (!note) return pass(note);
    ++report.ledger.by_kind[std::string(to_string(note->kind))];
    if (note->kind != RecordKind::policy_published) continue;
    auto policy = provenance::stored_record(ledger, index);
    if (!policy) return pass(policy);
    if (policy->record) fold_policy(report, *policy);
  }
  return {};
}

}  // namespace

Result<Report> collect(const provenance::LedgerReader& ledger, const provenance::Note& checkpoint,
                       const StudyId& study) {
  auto history = provenance::history(ledger, study);
  if (!history) return pass(history);
  Report report;
  Seen seen;
  for (const auto& stored : history->records) {
    if (stored.record) fold_one(report, seen, stored);
  }
  if (report.study.id.empty()) {
    return fail(Kind::not_found, "report.no_study",
                fmt::format("No record opens study '{}'.", study),
                "`cloister audit history` lists what is there.");
  }
  close_jobs(report, seen.jobs);
  finish_gates(report);
  report.ledger.checkpoint = provenance::to_text(checkpoint);
  report.ledger.origin = report.ledger.checkpoint.substr(0, report.ledger.checkpoint.find('\n'));
  if (auto counted = count_kinds(ledger, report); !counted) return pass(counted);
  return report;
}

}  // namespace cloister::report
