#include "provenance/kinds.h"

#include <array>

#include "base/ensure.h"

namespace cloister::provenance {
namespace {

constexpr unsigned bit(Role role) { return 1U << static_cast<unsigned>(role); }

constexpr unsigned admin = bit(Role::consortium_admin);
constexpr unsigned owner = bit(Role::study_owner);
constexpr unsigned agent = bit(Role::site_agent);
constexpr unsigned steward = bit(Role::site_steward);
constexpr unsigned site_admin = bit(Role::site_admin);
constexpr unsigned coordinator = bit(Role::coordinator);
constexpr unsigned trainer = bit(Role::trainer);
constexpr unsigned auditor = bit(Role::auditor);
constexpr unsigned site = agent | steward | site_admin;
constexpr unsigned anyone = admin | owner | site | coordinator | trainer | auditor;

using enum RecordKind;
constexpr auto produced = Subjects::produced;
constexpr auto about = Subjects::about;
constexpr auto named = Subjects::named;

// clang-format off
// In the order of the enumerators.  approval, may touch quarantined, writers, approvals_min
constexpr std::array<KindTraits, 40> table{{
    {key_bound,         "key.bound",         named,    false, true,  admin | site_admin, 0},
    {key_rotated,       "key.rotated",       named,    false, true,  anyone, 0},
    {key_revoked,       "key.revoked",       named,    false, true,  anyone, 0},
    {site_enrolled,     "site.enrolled",     named,    false, true,  admin | coordinator, 0},
    {policy_published,  "policy.published",  produced, false, false, admin | owner | steward | site_admin, 0},
    {policy_approved,   "policy.approved",   about,    true,  false, admin | owner | steward | site_admin, 0},
    {permit_granted,    "permit.granted",    produced, true,  false, steward | site_admin, 0},
    {consent_basis,     "consent.basis",     produced, false, false, steward | site_admin, 0},
    {consent_withdrawn, "consent.withdrawn", about,    false, true,  site, 0},
    {raw_registered,    "raw.registered",    produced, false, false, agent, 0},
    {encoder_trained,   "encoder.trained",   produced, false, false, agent, 1},
    {encoder_admitted,  "encoder.admitted",  about,    false, false, coordinator | site, 0},
    {dataset_encoded,   "dataset.encoded",   produced, false, false, agent, 1},
    {gate_reported,     "gate.reported",     produced, false, false, agent | auditor, 0},
    {transfer_sent,     "transfer.sent",     about,    false, false, agent, 0},
    {transfer_received, "transfer.received", about,    false, false, agent | trainer | coordinator, 0},
    {dataset_admitted,  "dataset.admitted",  about,    false, false, coordinator, 0},
    {study_opened,      "study.opened",      produced, false, false, owner, 0},
    {study_closed,      "study.closed",      about,    false, true,  owner, 0},
    {job_submitted,     "job.submitted",     produced, false, false, coordinator | owner, 0},
    {job_approved,      "job.approved",      about,    true,  false, site | owner | trainer, 0},
    {job_denied,        "job.denied",        about,    false, true,  site | owner | trainer, 0},
    {job_completed,     "job.completed",     about,    false, true,  agent | trainer | coordinator, 0},
    {job_failed,        "job.failed",        about,    false, true,  agent | trainer | coordinator, 0},
    {train_started,     "train.started",     about,    false, false, trainer, 0},
    {train_completed,   "train.completed",   produced, false, false, trainer, 0},
    {model_produced,    "model.produced",    produced, false, false, trainer, 0},
    {model_evaluated,   "model.evaluated",   produced, false, false, agent | trainer, 0},
    {model_approved,    "model.approved",    about,    true,  false, steward | site_admin | owner, 0},
    {model_released,    "model.released",    about,    false, false, owner, 1},
    {model_retired,     "model.retired",     about,    false, true,  owner | coordinator, 0},
    {prediction_batch,  "prediction.batch",  produced, false, false, trainer | agent, 0},
    {access_logged,     "access.logged",     named,    false, true,  anyone, 0},
    {impact_assessed,   "impact.assessed",   produced, false, true,  coordinator | owner | auditor | site | trainer, 0},
    {quarantine_set,    "quarantine.set",    about,    false, true,  coordinator, 0},
    {retrain_completed, "retrain.completed", produced, false, false, trainer | coordinator, 0},
    {erase_executed,    "erase.executed",    about,    false, true,  site | coordinator | trainer | admin, 0},
    {export_issued,     "export.issued",     named,    false, true,  coordinator | auditor | owner, 0},
    {time_anchor,       "time.anchor",       named,    false, true,  coordinator, 0},
    {head_cosigned,     "head.cosigned",     named,    false, true,  site | auditor | coordinator, 0},
}};

constexpr std::array<std::string_view, 8> role_names{
    "consortium-admin", "study-owner", "site-agent", "site-steward",
    "site-admin",       "coordinator", "trainer",    "auditor"};
// clang-format on

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (static_cast<std::size_t>(table[i].kind) != i + 1) return false;
  }
  return true;
}
static_assert(is_in_order());

}  // namespace

std::span<const KindTraits> all_kinds() { return table; }

const KindTraits& traits(RecordKind kind) {
  const auto number = static_cast<std::size_t>(kind);
  ensure(number >= 1 && number <= table.size(), "a record's kind is one of the enumerators");
  return table[number - 1];
}

std::string_view to_string(RecordKind kind) { return traits(kind).name; }

std::optional<RecordKind> kind_from_name(std::string_view name) {
  for (const auto& row : table) {
    if (row.name == name) return row.kind;
  }
  return std::nullopt;
}

std::optional<RecordKind> kind_from_code(std::uint8_t code) {
  if (code < 1 || code > table.size()) return std::nullopt;
  return static_cast<RecordKind>(code);
}

std::string_view to_string(Role role) { return role_names[static_cast<std::size_t>(role)]; }

std::optional<Role> role_from_name(std::string_view name) {
  for (std::size_t i = 0; i < role_names.size(); ++i) {
    if (role_names[i] == name) return static_cast<Role>(i);
  }
  return std::nullopt;
}

bool may_write(Role role, RecordKind kind) { return (traits(kind).writers & bit(role)) != 0; }

bool may_bind(Role binder, Role role) {
  if (binder == Role::consortium_admin) return true;
  return binder == Role::site_admin && (role == Role::site_agent || role == Role::site_steward);
}

}  // namespace cloister::provenance
