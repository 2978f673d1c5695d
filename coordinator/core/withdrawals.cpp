#include "coordinator/core/withdrawals.h"

#include <algorithm>

#include "coordinator/core/planner.h"
#include "crypto/hash.h"

namespace cloister::coordinator {
namespace {

using provenance::Json;
using provenance::Record;
using provenance::RecordKind;
using provenance::text_or_empty;

Withdrawal* named_by(std::vector<Withdrawal>& withdrawals, const Record& record) {
  for (const std::string_view field : {"withdrawal", "confirms"}) {
    const auto leaf = provenance::digest_at(record.details, field);
    if (!leaf) continue;
    for (Withdrawal& one : withdrawals) {
      if (one.leaf == *leaf) return &one;
    }
  }
  return nullptr;
}

bool on_assessed(Withdrawal& withdrawal, const Record& record) {
  if (record.details.find("confirms") != nullptr) {
    return withdrawal.confirmed.insert(record.actor.id).second;
  }
  if (text_or_empty(record.details, "decision") == "no-retrain") {
    withdrawal.exception = record.reason;
    return true;
  }
  const bool is_own = record.actor.role == provenance::Role::coordinator;
  withdrawal.is_assessed = withdrawal.is_assessed || is_own;
  return is_own;
}

bool reads_any(const Job& job, const std::set<Digest>& digests) {
  return std::any_of(job.inputs.begin(), job.inputs.end(),
                     [&](const auto& input) { return digests.contains(input.digest); });
}

Record follow_up(const Study& study, const Withdrawal& withdrawal, RecordKind kind) {
  Record record;
  record.kind = kind;
  record.study = study.id();
  record.stage = "withdrawal";
  record.purpose = study.plan().purpose;
  record.legal_basis = study.plan().legal_basis;
  record.inputs.push_back({"withdrawal", "withdrawal", withdrawal.leaf, withdrawal.index});
  record.details.set("withdrawal", withdrawal.leaf);
  return record;
}

// The subject of a record that is about nothing but its own words.
void name_by_content(Record& record, const char* name) {
  record.subjects = {{name, crypto::sha256(as_bytes(to_jcs(record.details)))}};
}

Json digests_json(const std::vector<Digest>& digests) {
  Json list = Json::array();
  for (const Digest& digest : digests) list.push(digest);
  return list;
}

Draft stop_draft(const Study& study, const Job& job, const Withdrawal& withdrawal) {
  Draft draft;
  Record& record = draft.record;
  record.kind = RecordKind::job_failed;
  record.study = study.id();
  record.job = job.id;
  record.stage = "withdrawal";
  record.outcome = provenance::Outcome::fail;
  record.reason = fmt::format("what it reads was withdrawn by site '{}'", withdrawal.site);
  record.subjects.push_back({"spec", job.spec_digest});
  record.inputs.push_back({"spec", "spec", job.spec_digest, std::nullopt});
  record.details.set("attempt", std::uint64_t{job.failures} + 1).set("code", "dataset.quarantined");
  record.details.set("what", record.reason).set("kind", "forbidden");
  record.details.set("withdrawal", withdrawal.leaf);
  draft.key = fmt::format("stop {} {}", job.id, to_hex(withdrawal.leaf));
  return draft;
}

Draft impact_draft(const Study& study, const Withdrawal& withdrawal) {
  std::vector<Digest> datasets;
  std::vector<Digest> models;
  Json stopped = Json::array();
  for (const Digest& digest : withdrawal.quarantined) {
    if (study.dataset(digest) != nullptr) datasets.push_back(digest);
  }
  for (const Model& model : study.models()) {
    if (withdrawal.quarantined.contains(model.digest)) models.push_back(model.digest);
  }
  for (const auto& [id, job] : study.jobs()) {
    if (!job.is_closed() && reads_any(job, withdrawal.quarantined)) stopped.push(id.text());
  }
  Draft draft;
  draft.record = follow_up(study, withdrawal, RecordKind::impact_assessed);
  draft.record.details.set("site", withdrawal.site)
      .set("withdrawn", digests_json(withdrawal.subjects))
      .set("quarantined", std::uint64_t{withdrawal.quarantined.size()})
      .set("datasets", digests_json(datasets))
      .set("models", digests_json(models))
      .set("jobs_stopped", std::move(stopped));
  name_by_content(draft.record, "impact");
  draft.key = "impact " + to_hex(withdrawal.leaf);
  return draft;
}

std::vector<Digest> withdrawn_shards(const Study& study, const Withdrawal& withdrawal) {
  std::vector<Digest> shards;
  for (const auto& [manifest, dataset] : study.datasets()) {
    if (!withdrawal.quarantined.contains(manifest)) continue;
    for (const Shard& shard : dataset.shards) shards.push_back(shard.digest);
  }
  return shards;
}

Draft erasure_draft(const Study& study, const Withdrawal& withdrawal,
                    const std::vector<Digest>& shards) {
  Draft draft;
  draft.record = follow_up(study, withdrawal, RecordKind::erase_executed);
  for (const Digest& shard : shards) {
    if (draft.record.subjects.size() == provenance::record_subjects_max) break;
    draft.record.subjects.push_back({"shard", shard});
  }
  draft.record.details.set("what", "key wraps").set("shards", std::uint64_t{shards.size()});
  draft.key = "erase " + to_hex(withdrawal.leaf);
  return draft;
}

Draft retrain_draft(const Study& study, const Withdrawal& withdrawal, const Model& model) {
  Draft draft;
  draft.record = follow_up(study, withdrawal, RecordKind::retrain_completed);
  draft.record.inputs.push_back({"model", "model", model.digest, model.index});
  draft.record.details.set("model", model.digest).set("version", std::uint64_t{model.version});
  name_by_content(draft.record, "retrain");
  draft.key = "retrain " + to_hex(withdrawal.leaf);
  return draft;
}

bool lost_a_model(const Study& study, const Withdrawal& withdrawal) {
  return std::any_of(study.models().begin(), study.models().end(), [&](const Model& model) {
    return withdrawal.quarantined.contains(model.digest);
  });
}

bool is_erasable(const Withdrawal& withdrawal, const std::vector<Digest>& shards,
                 const BlobFacts& facts) {
  return !shards.empty() && std::none_of(shards.begin(), shards.end(), [&](const Digest& shard) {
    return facts.has_any_wrap(shard);
  }) && !withdrawal.is_erased;
}

tl::unexpected<Error> refuse(Kind kind, std::string_view rule, std::string what, std::string next) {
  return fail(kind, fmt::format("withdrawal.{}", rule), std::move(what), std::move(next));
}

}  // namespace

bool apply(std::vector<Withdrawal>& withdrawals, const Placed& placed, const std::string& site) {
  const Record& record = placed.record;
  if (record.kind == RecordKind::consent_withdrawn) {
    Withdrawal made;
    made.leaf = placed.leaf;
    made.index = placed.index;
    made.site = site;
    made.reason = record.reason;
    for (const auto& subject : record.subjects) made.subjects.push_back(subject.digest);
    withdrawals.push_back(std::move(made));
    return true;
  }
  if (record.kind == RecordKind::quarantine_set) {
    if (withdrawals.empty()) return false;
    // It follows its withdrawal in the same group; several portions follow one another.
    for (const auto& subject : record.subjects) {
      withdrawals.back().quarantined.insert(subject.digest);
    }
    return true;
  }
  Withdrawal* withdrawal = named_by(withdrawals, record);
  if (withdrawal == nullptr) return false;
  if (record.kind == RecordKind::impact_assessed) return on_assessed(*withdrawal, record);
  if (record.kind == RecordKind::erase_executed) withdrawal->is_erased = true;
  if (record.kind == RecordKind::retrain_completed) {
    withdrawal->retrained = provenance::digest_at(record.details, "model").value_or(Digest{});
  }
  return record.kind == RecordKind::erase_executed || record.kind == RecordKind::retrain_completed;
}

bool is_about_withdrawal(const Record& record) {
  const bool fits = record.kind == RecordKind::impact_assessed ||
                    record.kind == RecordKind::erase_executed ||
                    record.kind == RecordKind::retrain_completed;
  return fits && (record.details.find("withdrawal") || record.details.find("confirms"));
}

Result<void> check_follow_up(const Record& record, const Study& study,
                             const Membership& membership) {
  std::vector<Withdrawal> known = study.withdrawals();
  if (named_by(known, record) == nullptr) {
    return refuse(Kind::not_found, "unknown",
                  fmt::format("Study '{}' has no such withdrawal.", study.id()),
                  "List them with `cloister audit withdrawals`.");
  }
  const Member* signer = membership.find(record.actor.id);
  const bool is_own = signer != nullptr && signer->role == protocol::Role::coordinator;
  if (!text_or_empty(record.details, "decision").empty()) {
    const bool by_owner = record.actor.id.text() == study.plan().owner;
    if (by_owner && !record.reason.empty()) return {};
    return refuse(Kind::forbidden, "decision",
                  "Doing without a retrain is for the study's owner to decide, with a reason.",
                  "Ask the owner: `cloister study no-retrain`.");
  }
  if (is_own || record.details.find("confirms") != nullptr) return {};
  return refuse(Kind::forbidden, "own", "This step of a withdrawal is the coordinator's.", "");
}

std::vector<MemberId> must_confirm(const Study& study, const Membership& membership) {
  std::vector<MemberId> members{MemberId::trusted(study.plan().trainer)};
  for (const std::string& site : study.plan().sites) {
    if (const Member* agent = membership.agent_of(site)) members.push_back(agent->id);
  }
  return members;
}

std::vector<Draft> plan_withdrawals(const Study& study, const BlobFacts& facts) {
  std::vector<Draft> drafts;
  const Model* model = study.newest_model();
  for (const Withdrawal& withdrawal : study.withdrawals()) {
    // Before the jobs are stopped: the report names them.
    if (!withdrawal.is_assessed) drafts.push_back(impact_draft(study, withdrawal));
    for (const auto& [id, job] : study.jobs()) {
      if (!job.is_closed() && reads_any(job, withdrawal.quarantined)) {
        drafts.push_back(stop_draft(study, job, withdrawal));
      }
    }
    const auto shards = withdrawn_shards(study, withdrawal);
    if (is_erasable(withdrawal, shards, facts)) {
      drafts.push_back(erasure_draft(study, withdrawal, shards));
    }
    const bool is_replaced = model != nullptr && !model->quarantined && !withdrawal.is_settled() &&
                             model->index > withdrawal.index && lost_a_model(study, withdrawal);
    if (is_replaced) drafts.push_back(retrain_draft(study, withdrawal, *model));
  }
  return drafts;
}

std::vector<Digest> wraps_to_erase(const Study& study, const BlobFacts& facts) {
  std::vector<Digest> shards;
  for (const Withdrawal& withdrawal : study.withdrawals()) {
    for (const Digest& shard : withdrawn_shards(study, withdrawal)) {
      if (facts.has_any_wrap(shard)) shards.push_back(shard);
    }
  }
  return shards;
}

Json withdrawals_json(const Study& study, const Membership& membership) {
  Json list = Json::array();
  const auto needed = must_confirm(study, membership);
  for (const Withdrawal& one : study.withdrawals()) {
    Json confirmed = Json::array();
    Json missing = Json::array();
    for (const MemberId& member : needed) {
      (one.confirmed.contains(member) ? confirmed : missing).push(member.text());
    }
    Json item = Json::object();
    item.set("record", one.leaf).set("index", one.index).set("site", one.site);
    item.set("reason", one.reason).set("withdrawn", digests_json(one.subjects));
    item.set("quarantined", std::uint64_t{one.quarantined.size()});
    item.set("confirmed", std::move(confirmed)).set("not_confirmed", std::move(missing));
    item.set("erased", one.is_erased).set("needs_retrain", lost_a_model(study, one));
    if (one.retrained) item.set("retrained", *one.retrained);
    if (!one.exception.empty()) item.set("exception", one.exception);
    list.push(std::move(item));
  }
  return list;
}

}  // namespace cloister::coordinator
