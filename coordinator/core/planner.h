// What the coordinator itself must write next, derived from the fold alone: asking twice gives the
// same answer, so a crash between asking and writing costs nothing.
//
//   job.submitted       a job of protocol/jobs.h whose wants are met and that was never offered
//   transfer.received   a dataset that was sent, with every blob and key wrap in place
//   job.failed, impact.assessed, erase.executed, retrain.completed   after a withdrawal:
//   withdrawals.h
//   dataset.admitted    a received dataset whose gate is open (or a covered prediction request)
//
// job_spec: docs/protocol.md, "Job specs".
#pragma once

#include <set>
#include <string>
#include <vector>

#include "coordinator/core/blob_facts.h"
#include "coordinator/core/membership.h"
#include "coordinator/core/study.h"

namespace cloister::coordinator {

// A record of the coordinator without what only the shell can give: record_id, signer_seq,
// prev_by_signer, issued_at and the actor.
struct Draft {
  std::string key;  // the same for the same step: what makes asking twice harmless
  provenance::Record record;
};

// References are valid during the call only.
struct PlanView {
  const Study& study;
  const Membership& membership;
  const BlobFacts& facts;
  // Past the plan's deadline nothing new is encoded and no network is trained. One that is trained
  // already is judged to the end (predictions of held-out patients, tuning, evaluation), and serves
  // on demand once it is released; what is under way is still written.
  Instant now;
};
// What may have changed since it was last asked: the sites that records or blobs were about, or
// everything. Planning then costs nothing for the thousand sites where nothing happened.
struct PlanScope {
  bool all = true;
  bool training = true;  // an admission, a model or a quarantine
  std::set<std::string> sites;
};
[[nodiscard]] std::vector<Draft> plan_next(const PlanView& view, const PlanScope& scope = {});

// A job to be offered, before it is a record.
struct Offer {
  std::string kind;
  std::string site;
  std::uint32_t version = 1;
  std::string part;
  MemberId assignee;
  std::vector<protocol::NamedDigest> inputs;
  provenance::Json extra = provenance::Json::object();  // what this kind adds to the spec
};
[[nodiscard]] Draft offer_draft(const Study& study, const Offer& offer);
// Canonical JSON of everything that decides the job's outcome.
[[nodiscard]] std::string spec_of(const Study& study, const Offer& offer);

}  // namespace cloister::coordinator
