#include "coordinator/core/study_rules.h"

#include <algorithm>
#include <array>

#include "coordinator/core/member_rules.h"
#include "crypto/hash.h"
#include "provenance/erasure.h"

namespace cloister::coordinator {
namespace {

using protocol::JobState;
using provenance::Json;
using provenance::Record;
using provenance::RecordKind;
using provenance::text_or_empty;

bool speaks_of(const Record& record, const Digest& digest) {
  return std::any_of(record.inputs.begin(), record.inputs.end(),
                     [&](const auto& input) { return input.digest == digest; }) ||
         std::any_of(record.subjects.begin(), record.subjects.end(),
                     [&](const auto& subject) { return subject.digest == digest; });
}

const Dataset* dataset_of(const Study& study, const Record& record) {
  for (const auto& [manifest, dataset] : study.datasets()) {
    if (speaks_of(record, manifest)) return &dataset;
  }
  return nullptr;
}

const Model* model_of(const Study& study, const Record& record) {
  for (const Model& model : study.models()) {
    if (speaks_of(record, model.digest)) return &model;
  }
  return nullptr;
}

Result<void> check_plan(const Record& record, const RuleView& view) {
  const Json* carried = record.details.find("plan");
  const std::string* text = carried == nullptr ? nullptr : carried->text();
  const std::string json = carried == nullptr ? "" : text ? *text : provenance::to_jcs(*carried);
  auto plan = protocol::plan_from_json(json);
  if (!plan) return pass(plan);
  const bool is_named = speaks_of(record, crypto::sha256(as_bytes(json)));
  if (!is_named || plan->study != record.study || plan->owner != record.actor.id.text()) {
    return fail(Kind::invalid, "study.plan",
                fmt::format("The record that opens study '{}' does not name its plan's digest, "
                            "study and owner.",
                            record.study),
                "Sign the plan again with `cloister study open`.");
  }
  const auto known = view.studies.find(record.study);
  const std::uint32_t expected = known == view.studies.end() ? 1 : known->second.plan().version + 1;
  if (plan->version == expected) return {};
  return fail(Kind::conflict, "study.version",
              fmt::format("Study '{}' expects version {} of its plan, not {}.", record.study,
                          expected, plan->version),
              "Set `version` in the plan; an amendment counts up by one.");
}

// What a person saw may be older than the job is: they are told, rather than left to believe that
// it was done. (A process that lost a race needs no telling.)
Result<void> check_effect(const Record& record, const Job& job, const Member& signer) {
  if (!protocol::is_person(signer.role)) return {};
  Job after = job;
  if (apply(after, Placed{0, {}, record, {}})) return {};
  return fail(
      Kind::conflict, "decide.moot",
      fmt::format("Job '{}' is {} by now: the decision '{}' changes nothing.", job.id,
                  protocol::to_string(job.state), text_or_empty(record.details, "decision")),
      "Look at `cloister site jobs` or `cloister study jobs` for what can be decided.");
}

Result<void> check_decision(const Record& record, const Study& study, const Member& signer) {
  const Job& job = *study.job(record.job);
  const bool is_own = job.site.empty() || job.kind == "predict"
                          ? signer.id == job.assignee
                          : signer.site == job.site && protocol::belongs_to_site(signer.role);
  // The owner may stop any job of the study, and take up the trainer's again.
  const bool is_trainers = job.site.empty() || job.kind == "predict";
  const bool by_owner = (record.kind == RecordKind::job_denied || is_trainers) &&
                        record.actor.id.text() == study.plan().owner;
  if (!is_own && !by_owner) {
    return fail(Kind::forbidden, "job.site",
                fmt::format("Job '{}' is for {} to decide.", job.id,
                            job.site.empty() ? job.assignee.text() : "site '" + job.site + "'"),
                "Ask a person of that site.");
  }
  if (record.kind != RecordKind::job_approved) return check_effect(record, job, signer);
  const std::string decision = text_or_empty(record.details, "decision");
  if (job.needs_permit && (decision.empty() || decision == "approve")) {
    return fail(Kind::forbidden, "job.person",
                fmt::format("Job '{}' lets data leave: it needs a release permit signed by a data "
                            "steward, not an approval.",
                            job.id),
                "Look at the preview, then sign with `cloister site release`.");
  }
  if (speaks_of(record, job.spec_digest)) return check_effect(record, job, signer);
  return fail(Kind::stale, "job.spec",
              fmt::format("The approval of '{}' does not cite the spec that was offered.", job.id),
              "Show the job again and approve what it says now.");
}

Result<void> check_manifest(const Record& record, const Member& signer) {
  const Json* manifest = record.details.find("manifest");
  const bool fits = manifest != nullptr && text_or_empty(*manifest, "site") == signer.site &&
                    speaks_of(record, crypto::sha256(as_bytes(provenance::to_jcs(*manifest))));
  if (fits) return {};
  return fail(Kind::invalid, "dataset.manifest",
              "The manifest of an encoded dataset is missing, of another site, or not what the "
              "record's subject names.",
              "Encode again; if it stays, the agent and the coordinator differ in version.");
}

Result<void> check_arrived(const std::vector<Digest>& blobs, const MemberId& reader,
                           const BlobFacts& facts) {
  const auto missing = std::count_if(blobs.begin(), blobs.end(),
                                     [&](const Digest& b) { return !facts.can_open(b, reader); });
  if (missing == 0) return {};
  return fail(Kind::conflict, "transfer.incomplete",
              fmt::format("{} of {} blobs, or their key wraps for '{}', have not arrived.", missing,
                          blobs.size(), reader),
              "Upload what is missing, then send the record again.");
}

Result<void> check_sent(const Record& record, const Study& study, const BlobFacts& facts) {
  const Dataset* dataset = dataset_of(study, record);
  std::vector<Digest> blobs;
  if (dataset != nullptr) {
    for (const Shard& shard : dataset->shards) blobs.push_back(shard.digest);
  }
  if (dataset == nullptr || !dataset->release) {
    return fail(Kind::forbidden, "transfer.permit",
                "A transfer was reported of a dataset that no release permit lets out.",
                "A data steward of the site signs the release first.");
  }
  return check_arrived(blobs, MemberId::trusted(study.plan().trainer), facts);
}

Result<void> check_replies(const Record& record, const Job& job, const RuleView& view) {
  const Member* reader = view.membership.agent_of(job.site);
  std::vector<Digest> blobs;
  const Json* list = record.details.find("replies");
  if (list != nullptr && list->items() != nullptr) {
    for (const Json& item : *list->items()) {
      if (const auto digest = provenance::digest_at(item, "reply")) blobs.push_back(*digest);
    }
  }
  if (reader == nullptr || blobs.empty()) {
    return fail(
        Kind::invalid, "transfer.incomplete",
        fmt::format("The predictions of '{}' name no replies, or nobody can read them.", job.id),
        "The trainer states `replies` in the record's details.");
  }
  return check_arrived(blobs, reader->id, view.facts);
}

Result<void> check_product(const Record& record, const Study& study, const RuleView& view) {
  const Job& job = *study.job(record.job);
  if (record.actor.id != job.assignee) {
    return fail(Kind::forbidden, "job.assignee",
                fmt::format("Job '{}' belongs to '{}', not to '{}'.", job.id, job.assignee,
                            record.actor.id),
                "Only its assignee may finish a job.");
  }
  if (job.is_closed() && !job.may_finish()) {
    return fail(Kind::conflict, "job.closed",
                fmt::format("Job '{}' is {} already.", job.id, protocol::to_string(job.state)),
                "Nothing to do: what was recorded first counts.");
  }
  if (!job.may_finish()) {
    return fail(Kind::forbidden, "job.not_approved",
                fmt::format("Job '{}' is {}: nothing may come of it before it is approved.", job.id,
                            protocol::to_string(job.state)),
                "Approve or resume it at the site.");
  }
  if (record.kind == RecordKind::transfer_sent) return check_sent(record, study, view.facts);
  if (record.kind == RecordKind::prediction_batch) return check_replies(record, job, view);
  return {};
}

// Which sites must test a network before its release follows from what it says it learnt from, so
// it has to say all of it.
Result<void> check_model(const Record& record, const Job& job) {
  const auto is_named = [&](const auto& input) {
    return std::any_of(record.inputs.begin(), record.inputs.end(),
                       [&](const auto& one) { return one.digest == input.digest; });
  };
  if (job.kind == "train-segmentation" &&
      std::all_of(job.inputs.begin(), job.inputs.end(), is_named)) {
    return {};
  }
  return fail(Kind::invalid, "model.inputs",
              fmt::format("The network of job '{}' does not name all that the job reads, or that "
                          "job trains none.",
                          job.id),
              "The trainer's record must have every input of the training as an input.");
}

// One site cannot open or close the gate of another.
Result<void> check_assessed(const Record& record, const Study& study, const Member& signer) {
  for (const auto& [manifest, dataset] : study.datasets()) {
    if (dataset.site == signer.site || !speaks_of(record, manifest)) continue;
    return fail(
        Kind::forbidden, "gate.site",
        fmt::format("Site '{}' reports about a dataset of site '{}'.", signer.site, dataset.site),
        "A site's agent attacks and reports on its own codes only.");
  }
  return {};
}

Result<void> check_receipt(const Member& signer) {
  if (signer.role == protocol::Role::coordinator || signer.role == protocol::Role::trainer) {
    return {};
  }
  return fail(Kind::forbidden, "transfer.receiver",
              fmt::format("'{}' cannot have received what a site sends.", signer.id),
              "Receipts are signed by the coordinator, who carries, and the trainer, who opens.");
}

// Records that belong to a job: its decisions, its failure, its product, and what goes with them.
Result<void> check_job_record(const Record& record, const Study& study, const RuleView& view) {
  const Job* job = study.job(record.job);
  const Member* signer = view.membership.find(record.actor.id);
  if (job == nullptr || signer == nullptr) {
    return fail(Kind::not_found, "job.unknown",
                fmt::format("Study '{}' has no job '{}'.", study.id(), record.job),
                "List the jobs with `cloister study jobs`.");
  }
  if (record.kind == RecordKind::job_approved || record.kind == RecordKind::job_denied)
    return check_decision(record, study, *signer);
  if (record.kind == RecordKind::job_failed) {
    if (record.actor.id == job->assignee || signer->role == protocol::Role::coordinator) return {};
    return fail(Kind::forbidden, "job.assignee",
                fmt::format("Only '{}' may report that '{}' failed.", job->assignee, job->id),
                "To stop it instead: `cloister site abort`, or `cloister study abort`.");
  }
  if (record.kind == RecordKind::model_produced) {
    if (auto ok = check_model(record, *job); !ok) return ok;
  }
  // A site names the trainer's job in the record of the masks it decoded from the replies.
  const bool is_mask = record.kind == RecordKind::prediction_batch &&
                       record.actor.id != job->assignee && signer->site == job->site;
  if (record.kind == product_of(job->kind) && !is_mask) return check_product(record, study, view);
  return {};
}

Result<void> check_offer(const Member& signer) {
  if (signer.role == protocol::Role::coordinator) return {};
  return fail(Kind::forbidden, "job.offer", "Jobs are offered by the coordinator only.",
              "Open or amend a study: its jobs follow.");
}

// Agents and trainers act on a steward's word only, so nobody else's may look as if it counted.
Result<void> check_steward(const Member& signer) {
  if (signer.role == protocol::Role::site_steward) return {};
  return fail(Kind::forbidden, "permit.steward",
              fmt::format("'{}' is {}: only a data steward decides what leaves a site.", signer.id,
                          protocol::to_string(signer.role)),
              "Ask a data steward of this site to sign.");
}

Result<void> check_permit(const Record& record, const Study& study, const Member& signer) {
  const auto permit = provenance::permit_from(record.details);
  if (!permit) return pass(permit);
  const Dataset* dataset = dataset_of(study, record);
  const bool is_standing = permit->type == provenance::Permit::Type::standing;
  // An exception may be about what the network gave away, instead of about codes.
  const bool is_of_model = permit->type == provenance::Permit::Type::exception &&
                           dataset == nullptr && model_of(study, record) != nullptr;
  if ((!is_standing && !is_of_model && dataset == nullptr) ||
      (dataset != nullptr && dataset->site != signer.site) || !study.takes_part(signer.site)) {
    return fail(Kind::forbidden, "permit.site",
                "A permit is signed by a data steward of the site whose dataset it names.",
                "Name the manifest of your own site's dataset.");
  }
  if (auto ok = check_steward(signer); !ok) return ok;
  const bool lets_out = permit->type != provenance::Permit::Type::exception;
  if (!lets_out || permit->recipient == study.plan().trainer) return {};
  return fail(Kind::forbidden, "permit.recipient",
              fmt::format("Study '{}' releases codes to '{}' only, not to '{}'.", study.id(),
                          study.plan().trainer, permit->recipient),
              "Sign the permit for the trainer that the study's plan names.");
}

Result<void> check_model(const Record& record, const Study& study, const Member& signer) {
  const Model* model = model_of(study, record);
  if (model == nullptr) {
    return fail(Kind::not_found, "model.unknown",
                fmt::format("Study '{}' has no such model.", study.id()),
                "Show the study's models with `cloister study status`.");
  }
  if (record.kind != RecordKind::model_released) {
    if (study.takes_part(signer.site))
      return record.kind == RecordKind::model_approved ? check_steward(signer) : Result<void>{};
    return fail(Kind::forbidden, "model.site",
                fmt::format("Site '{}' takes no part in study '{}'.", signer.site, study.id()),
                "Ask the study's owner to name the site in the next plan.");
  }
  if (model->quarantined) {
    return fail(Kind::forbidden, "model.quarantined",
                "The model was made from data that was withdrawn.", "Train it again without them.");
  }
  if (model->approvals.size() >= study.plan().release_approvals) return {};
  return fail(Kind::forbidden, "model.approvals",
              fmt::format("The release of model {} needs the approval of {} sites; {} gave it.",
                          model->version, study.plan().release_approvals, model->approvals.size()),
              "Ask the data stewards of the other sites.");
}

bool is_on_demand(const Record& record) {
  const std::string purpose = text_or_empty(record.details, "purpose");
  return (purpose.empty() ? record.purpose : purpose) == "prediction";
}

bool erases_words(const Record& record) {
  const auto erasure = provenance::erasure_in(record);
  return erasure && *erasure;
}

bool has_confirmed(const Withdrawal& withdrawal, const Study& study, const Membership& members) {
  const auto must = must_confirm(study, members);
  return std::all_of(must.begin(), must.end(),
                     [&](const MemberId& id) { return withdrawal.confirmed.contains(id); });
}

// Without its words a record's signature cannot be checked, and members do nothing on the strength
// of it any more: so the words may go once that is done with.
Result<void> check_erasure(const Record& record, const Study& study, const RuleView& view) {
  const provenance::Erasure erasure = **provenance::erasure_in(record);
  const auto is_checked = [](RecordKind kind) {
    return kind == RecordKind::permit_granted || kind == RecordKind::job_approved ||
           kind == RecordKind::model_released || kind == RecordKind::model_evaluated ||
           kind == RecordKind::consent_withdrawn;
  };
  const Job* job = study.job(record.job);
  bool is_done =
      study.is_closed() || !is_checked(erasure.kind) || (job != nullptr && job->is_closed());
  for (const Withdrawal& one : study.withdrawals()) {
    if (one.leaf == erasure.record) is_done = is_done || has_confirmed(one, study, view.membership);
  }
  if (is_done) return {};
  return fail(Kind::conflict, "erasure.in_use",
              fmt::format("Members of study '{}' still check the signature of this {}.", study.id(),
                          provenance::to_string(erasure.kind)),
              "Erase the words of a withdrawal once every member confirmed it (`cloister audit "
              "withdrawals`), of an approval once its job is over, of a permit or release once the "
              "study is closed.");
}

bool is_of_model(RecordKind kind) {
  return kind == RecordKind::model_evaluated || kind == RecordKind::model_approved ||
         kind == RecordKind::model_released;
}

Result<void> check_in_study(const Record& record, const Study& study, const RuleView& view) {
  const Member* signer = view.membership.find(record.actor.id);
  const bool may_follow = record.kind == RecordKind::consent_withdrawn ||
                          record.kind == RecordKind::quarantine_set ||
                          record.kind == RecordKind::export_issued || erases_words(record) ||
                          is_about_withdrawal(record);
  if (study.is_closed() && !may_follow) {
    return fail(Kind::conflict, "study.closed", fmt::format("Study '{}' is closed.", study.id()),
                "Nothing new is made in it; data can still be withdrawn, and evidence exported.");
  }
  if (signer == nullptr) return {};  // the ledger's own rules refuse strangers
  if (erases_words(record)) return check_erasure(record, study, view);
  if (is_about_withdrawal(record)) return check_follow_up(record, study, view.membership);
  if (record.kind == RecordKind::job_submitted) return check_offer(*signer);
  if (!record.job.empty()) {
    if (auto ok = check_job_record(record, study, view); !ok) return ok;
  }
  if (record.kind == RecordKind::study_closed && record.actor.id.text() != study.plan().owner) {
    return fail(
        Kind::forbidden, "study.owner",
        fmt::format("Study '{}' is closed by its owner '{}' only.", study.id(), study.plan().owner),
        "Ask its owner; a site stops its own jobs with `cloister site abort`.");
  }
  if (record.kind == RecordKind::dataset_encoded) return check_manifest(record, *signer);
  if (record.kind == RecordKind::gate_reported) return check_assessed(record, study, *signer);
  if (record.kind == RecordKind::transfer_received) return check_receipt(*signer);
  if (record.kind == RecordKind::permit_granted) return check_permit(record, study, *signer);
  if (is_of_model(record.kind)) return check_model(record, study, *signer);
  return {};
}

// Steps that only count as part of a study's job: without one nobody approved them.
bool needs_job(const Record& record) {
  constexpr std::array kinds{RecordKind::job_approved,    RecordKind::job_denied,
                             RecordKind::job_failed,      RecordKind::raw_registered,
                             RecordKind::encoder_trained, RecordKind::gate_reported,
                             RecordKind::model_produced,  RecordKind::model_evaluated,
                             RecordKind::train_started,   RecordKind::train_completed};
  if (record.kind == RecordKind::dataset_encoded) return !is_on_demand(record);
  return std::find(kinds.begin(), kinds.end(), record.kind) != kinds.end();
}

// New keys, and the end of former ones: everybody's own.
bool is_of_own_keys(const Record& record) {
  return record.kind == RecordKind::key_rotated || record.kind == RecordKind::key_revoked;
}

}  // namespace

Result<void> check_record(const Record& record, const RuleView& view) {
  const Member* writer = view.membership.find(record.actor.id);
  if (writer != nullptr && writer->role == protocol::Role::auditor &&
      record.kind != RecordKind::export_issued && !is_of_own_keys(record)) {
    return fail(Kind::forbidden, "audit.read_only",
                fmt::format("An auditor writes no '{}': it reads, and says what it exported.",
                            provenance::to_string(record.kind)),
                "Ask somebody whose step it is.");
  }
  if (record.kind == RecordKind::key_bound || record.kind == RecordKind::key_rotated)
    return check_keys(record, view.membership);
  if (record.kind == RecordKind::key_revoked) return check_revoked(record, view.membership);
  if (record.kind == RecordKind::policy_published)
    return check_consortium_policy(record, view.membership);
  if (record.kind == RecordKind::study_opened) return check_plan(record, view);
  if (record.study.empty()) {
    if (!needs_job(record)) return {};
    return fail(Kind::invalid, "study.unknown", "The record names no study.",
                "Every step of a study names it.");
  }
  const auto study = view.studies.find(record.study);
  if (study == view.studies.end()) {
    return fail(Kind::not_found, "study.unknown",
                fmt::format("There is no study '{}'.", record.study),
                "List the studies with `cloister study list`.");
  }
  if (record.job.empty() && needs_job(record)) {
    return fail(Kind::invalid, "job.unknown",
                fmt::format("A '{}' record names the job it belongs to.",
                            provenance::to_string(record.kind)));
  }
  return check_in_study(record, study->second, view);
}

}  // namespace cloister::coordinator
