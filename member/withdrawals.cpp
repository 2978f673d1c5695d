#include "member/withdrawals.h"

#include <algorithm>

#include "crypto/hash.h"

namespace cloister::member {

using protocol::JobState;
using provenance::Json;
using provenance::RecordKind;

Withdrawals withdrawals_of(const protocol::StudyView& view, const Membership& membership) {
  Withdrawals all;
  for (const Bytes& envelope : view.more) {
    const auto opened = membership.open(envelope);
    if (!opened) continue;
    const RecordKind kind = opened->record.kind;
    if (kind == RecordKind::consent_withdrawn) all.by[opened->leaf] = opened->signer.site;
    if (kind != RecordKind::consent_withdrawn && kind != RecordKind::quarantine_set) continue;
    // Another site's people need not be known here; the coordinator's quarantine names the same.
    const auto cause = provenance::digest_at(opened->record.details, "withdrawal");
    if (kind == RecordKind::quarantine_set && cause) all.by.emplace(*cause, std::string());
    for (const auto& subject : opened->record.subjects) all.quarantined.insert(subject.digest);
  }
  return all;
}

bool reads_quarantined(const protocol::JobView& job, const Withdrawals& withdrawals) {
  return std::any_of(job.inputs.begin(), job.inputs.end(), [&](const auto& input) {
    return withdrawals.quarantined.contains(input.digest);
  });
}

bool is_still_used(const protocol::Work& work, const StudyId& study,
                   const Withdrawals& withdrawals) {
  return std::any_of(work.jobs.begin(), work.jobs.end(), [&](const protocol::JobView& job) {
    const bool is_open = job.state == JobState::offered || job.state == JobState::approved ||
                         job.state == JobState::running || job.state == JobState::held;
    return job.study == study && is_open && reads_quarantined(job, withdrawals);
  });
}

std::string confirmation_name(const Digest& withdrawal) { return "confirm/" + to_hex(withdrawal); }

provenance::Record confirmation_record(const Study& study, const Digest& withdrawal,
                                       const MemberId& self) {
  provenance::Record record;
  record.kind = RecordKind::impact_assessed;
  record.study = study.plan.study;
  record.stage = "withdrawal";
  record.purpose = study.plan.purpose;
  record.legal_basis = study.plan.legal_basis;
  record.inputs.push_back({"withdrawal", "withdrawal", withdrawal, std::nullopt});
  record.details.set("confirms", withdrawal).set("member", self.text());
  record.details.set("what", "no job that reads it runs here, and nothing of it is served");
  record.subjects = {{"confirmation", crypto::sha256(as_bytes(to_jcs(record.details)))}};
  return record;
}

}  // namespace cloister::member
