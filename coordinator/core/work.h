// What one member must know to act: the answer to its Poll, without what only the ledger's store
// can add (checkpoint, consistency proof, heads of peers: see AnswerPoll in actions.h).
#pragma once

#include "coordinator/core/access.h"
#include "coordinator/core/leases.h"
#include "coordinator/core/study_index.h"

namespace cloister::coordinator {

// References are valid during the call only.
struct WorkView {
  const std::map<StudyId, Study>& studies;
  const Membership& membership;
  const BlobFacts& facts;
  const Leases& leases;
  const StudyIndex& index;
};

// Open jobs first, then the newest closed ones, within protocol::limits. A closed job's view has no
// spec_json: nobody needs it to act.
[[nodiscard]] protocol::Work work_for(const Member& member, const WorkView& view);
[[nodiscard]] protocol::JobView view_of(const Study& study, const Job& job, const WorkView& view);
// Ledger-derived part of Work::version: the same after a replay.
[[nodiscard]] std::uint64_t ledger_version(const Member& member, const WorkView& view);

}  // namespace cloister::coordinator
