#include "member/study.h"

#include "crypto/hash.h"

namespace cloister::member {
namespace {

// The plan may stand in the record as text or as an object; its canonical form is what was signed.
std::string plan_text(const provenance::Record& record) {
  const provenance::Json* plan = record.details.find("plan");
  if (plan == nullptr) return {};
  return plan->text() != nullptr ? *plan->text() : provenance::to_jcs(*plan);
}

tl::unexpected<Error> refused(std::string_view code, std::string what) {
  return fail(Kind::forbidden, code, std::move(what),
              "Tell the study owner; nothing of this study runs here until it is put right.");
}

}  // namespace

Result<Study> verify_study(const protocol::StudyView& view, const Membership& membership) {
  auto opened = membership.open(view.opened);
  if (!opened) return pass(opened);
  const provenance::Record& record = opened->record;
  if (record.kind != provenance::RecordKind::study_opened || record.study != view.study) {
    return refused("study.plan", fmt::format("What came as the plan of study '{}' is something "
                                             "else.",
                                             view.study));
  }
  Study study;
  study.plan_json = plan_text(record);
  auto plan = protocol::plan_from_json(study.plan_json);
  if (!plan) return pass(plan);
  study.plan = std::move(*plan);
  study.plan_digest = crypto::sha256(as_bytes(study.plan_json));
  if (study.plan.study != view.study || record.subjects.front().digest != study.plan_digest) {
    return refused("study.plan",
                   fmt::format("The plan of study '{}' and its digest do not fit.", view.study));
  }
  if (opened->signer.id.text() != study.plan.owner) {
    return refused("study.signer", fmt::format("The plan of study '{}' is signed by '{}', not by "
                                               "its owner '{}'.",
                                               view.study, opened->signer.id, study.plan.owner));
  }
  const Member* trainer = membership.find(MemberId::trusted(study.plan.trainer));
  if (trainer == nullptr || trainer->role != protocol::Role::trainer ||
      to_hex(trainer->seal.view()) != study.plan.trainer_seal_key) {
    return refused("study.trainer",
                   fmt::format("The trainer '{}' of study '{}' is not certified with the key that "
                               "the plan names: nothing is sealed to it.",
                               study.plan.trainer, view.study));
  }
  study.opened_leaf = opened->leaf;
  study.owner = std::move(opened->signer);
  study.trainer = *trainer;
  study.phase = view.phase;
  return study;
}

}  // namespace cloister::member
