#include "coordinator/core/access.h"

#include "protocol/envelope.h"
#include "protocol/methods.h"

namespace cloister::coordinator {

using protocol::Role;

Result<void> may_ask(const Member* member, const protocol::Request& request) {
  if (member == nullptr) {
    return fail(Kind::unauthenticated, "member.unknown", "This key belongs to no member.",
                "Enrol first, with a token from the consortium.");
  }
  if (!member->is_active()) {
    return fail(Kind::unauthenticated, "member.revoked",
                fmt::format("The keys of '{}' were revoked.", member->id),
                "Ask the consortium; a new invitation gives new keys.");
  }
  const std::uint32_t method = protocol::method_of(request);
  if (protocol::may_call(member->role, method)) return {};
  return fail(Kind::forbidden, "member.not_allowed",
              fmt::format("A {} may not ask for {}.", protocol::to_string(member->role),
                          protocol::method_name(method)),
              "Ask somebody whose role it is.");
}

bool sees_everything(const Member& member) {
  return member.role == Role::auditor || member.role == Role::root ||
         member.role == Role::consortium_admin || member.role == Role::coordinator;
}

bool sees_study(const Member& member, const Study& study) {
  return sees_everything(member) || study.plan().owner == member.id.text() ||
         study.plan().trainer == member.id.text() ||
         (!member.site.empty() && study.takes_part(member.site));
}

bool sees_job(const Member& member, const Study& study, const Job& job) {
  if (sees_everything(member) || study.plan().owner == member.id.text()) return true;
  return job.assignee == member.id || (!member.site.empty() && job.site == member.site);
}

bool may_read(const Member& member, const provenance::Record& record, const Membership& membership,
              const std::map<StudyId, Study>& studies) {
  if (sees_everything(member) || record.actor.id == member.id) return true;
  const Member* signer = membership.find(record.actor.id);
  const std::string signer_site = signer == nullptr ? std::string{} : signer->site;
  if (!member.site.empty() && signer_site == member.site) return true;
  const auto study = studies.find(record.study);
  if (study == studies.end()) return record.study.empty() && signer_site.empty();
  if (!sees_study(member, study->second)) return false;
  if (member.site.empty()) return true;  // its owner and its trainer
  // Of the coordinator's and the trainer's records a site reads those of its own jobs and those of
  // no site.
  const Job* job = study->second.job(record.job);
  return signer_site.empty() && (job == nullptr || job->site.empty() || job->site == member.site);
}

}  // namespace cloister::coordinator
