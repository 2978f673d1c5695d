// Withdrawals as a member may believe them: signed by a person of the site that took its data back
// where the member knows that person, and the coordinator's list of everything made from them. A
// coordinator that lists too much stops work, and no more than that.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/digest.h"
#include "member/membership.h"
#include "member/study.h"
#include "protocol/work_messages.h"
#include "provenance/record.h"

namespace cloister::member {

struct Withdrawals {
  // Leaf of consent.withdrawn -> the site that signed it; empty where only the quarantine could be
  // read.
  std::map<Digest, std::string> by;
  std::set<Digest> quarantined;  // everything named by withdrawals and quarantines
};
// What the study's later records say. Records that do not open are passed over.
[[nodiscard]] Withdrawals withdrawals_of(const protocol::StudyView& view,
                                         const Membership& membership);

// Whether the job reads anything that is quarantined.
[[nodiscard]] bool reads_quarantined(const protocol::JobView& job, const Withdrawals& withdrawals);
// Whether a job of the study that reads something quarantined is still open in this work: then the
// member has not stopped yet.
[[nodiscard]] bool is_still_used(const protocol::Work& work, const StudyId& study,
                                 const Withdrawals& withdrawals);

// impact.assessed of a member: nothing of it runs or is served here any more. Draft it under
// confirmation_name(), once.
[[nodiscard]] std::string confirmation_name(const Digest& withdrawal);
[[nodiscard]] provenance::Record confirmation_record(const Study& study, const Digest& withdrawal,
                                                     const MemberId& self);

}  // namespace cloister::member
