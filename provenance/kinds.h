// The kinds of records, the roles of signers, and the one table that says who may write what.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/result.h"

namespace cloister::provenance {

// Numbers are stored in the ledger; never renumber, only add.
enum class RecordKind : std::uint8_t {
  key_bound = 1,
  key_rotated = 2,
  key_revoked = 3,
  site_enrolled = 4,
  policy_published = 5,
  policy_approved = 6,
  permit_granted = 7,
  consent_basis = 8,
  consent_withdrawn = 9,
  raw_registered = 10,
  encoder_trained = 11,
  encoder_admitted = 12,
  dataset_encoded = 13,
  gate_reported = 14,
  transfer_sent = 15,
  transfer_received = 16,
  dataset_admitted = 17,
  study_opened = 18,
  study_closed = 19,
  job_submitted = 20,
  job_approved = 21,
  job_denied = 22,
  job_completed = 23,
  job_failed = 24,
  train_started = 25,
  train_completed = 26,
  model_produced = 27,
  model_evaluated = 28,
  model_approved = 29,
  model_released = 30,
  model_retired = 31,
  prediction_batch = 32,
  access_logged = 33,
  impact_assessed = 34,
  quarantine_set = 35,
  retrain_completed = 36,
  erase_executed = 37,
  export_issued = 38,
  time_anchor = 39,
  head_cosigned = 40,
};

enum class Role : std::uint8_t {
  consortium_admin = 0,  // the root keys, held by people
  study_owner = 1,
  site_agent = 2,
  site_steward = 3,  // decides about a site's data
  site_admin = 4,
  coordinator = 5,
  trainer = 6,
  auditor = 7,
};

// What the subjects of a record are to it.
enum class Subjects : std::uint8_t {
  produced,  // made by the step: wasGeneratedBy
  about,     // existing things the record speaks of; they must be in the ledger
  named,     // things outside the graph (keys, sites, heads)
};

struct KindTraits {
  RecordKind kind;
  std::string_view name;  // "dataset.encoded"
  Subjects subjects;
  bool is_approval;            // may be cited in `approvals`
  bool may_touch_quarantined;  // withdrawal, quarantine, erasure, denial: they must be able to
  unsigned writers;            // bit set over Role
  unsigned approvals_min;      // how many approvals by distinct people it must cite by default
};

[[nodiscard]] std::span<const KindTraits> all_kinds();
[[nodiscard]] const KindTraits& traits(RecordKind kind);
[[nodiscard]] std::string_view to_string(RecordKind kind);
[[nodiscard]] std::optional<RecordKind> kind_from_name(std::string_view name);
[[nodiscard]] std::optional<RecordKind> kind_from_code(std::uint8_t code);

[[nodiscard]] std::string_view to_string(Role role);  // "site-agent"
[[nodiscard]] std::optional<Role> role_from_name(std::string_view name);
[[nodiscard]] bool may_write(Role role, RecordKind kind);
// Whether a holder of `binder` may bind, rotate or revoke keys of `role`: consortium-admin all;
// site-admin the agents and stewards of its own organisation.
[[nodiscard]] bool may_bind(Role binder, Role role);

}  // namespace cloister::provenance
