// What a study admits: rules beyond those of the ledger itself (provenance/sequencer.h), checked
// when a record is about to get its place. Fails closed; a refusal changes nothing.
//
//   audit.read_only     anything of an auditor but export.issued
//   study.plan          study.opened: the plan does not parse, or is not what its subject names
//   study.version       an amendment that does not count up by one
//   member.*, rotate.*  key.bound, key.rotated: member_rules.h
//   study.unknown       the record names a study that is not open
//   study.closed        the study is closed
//   erasure.in_use      words of a record whose signature members still check
//   study.owner         study.closed by somebody else than the study's owner
//   job.offer           a job offered by somebody else than the coordinator
//   job.unknown         no such job was offered
//   job.assignee        the product, or the failure, of somebody else's job
//   job.not_approved    a product of a job that nobody approved (or that is held)
//   job.closed          the job is done, failed, denied or aborted: its second product is nothing
//   job.kind            the record does not belong to a job of this kind
//   job.site            an approval or denial by somebody of another site
//   job.person          a release is let out by a permit, never by an approval
//   job.spec            the approval cites another spec than the one offered
//   decide.moot         a person's decision that changes nothing
//   transfer.incomplete blobs or key wraps that it speaks of have not arrived
//   permit.site         a permit for another site's data
//   permit.steward      a permit, or an approval of a model, by no data steward
//   permit.recipient    a permit for somebody else than the plan's trainer and its certified key
//   model.approvals     a release before the approvals that the plan asks for
//   model.unknown       no such model
#pragma once

#include <map>

#include "base/result.h"
#include "coordinator/core/blob_facts.h"
#include "coordinator/core/membership.h"
#include "coordinator/core/study.h"

namespace cloister::coordinator {

// What a rule may look at. References are valid during the call only.
struct RuleView {
  const std::map<StudyId, Study>& studies;
  const Membership& membership;
  const BlobFacts& facts;
};

[[nodiscard]] Result<void> check_record(const provenance::Record& record, const RuleView& view);

}  // namespace cloister::coordinator
