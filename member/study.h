// A study as a member may believe it: the plan that its owner signed.
#pragma once

#include <string>

#include "base/digest.h"
#include "base/result.h"
#include "member/membership.h"
#include "protocol/plan.h"
#include "protocol/work_messages.h"

namespace cloister::member {

struct Study {
  protocol::StudyPlan plan;
  std::string plan_json;  // canonical
  Digest plan_digest;
  Digest opened_leaf;  // of the study.opened record
  Member owner;
  Member trainer;  // certified, and its seal key is the one that the plan names
  std::string phase;
};

// "study.signer": not signed by the owner that the plan names; "study.trainer": the plan's trainer
// is no member with the trainer's role, or its certified seal key is another one than the plan's;
// "study.plan": digest and plan do not fit.
[[nodiscard]] Result<Study> verify_study(const protocol::StudyView& view,
                                         const Membership& membership);

}  // namespace cloister::member
