// Who may ask for what. Fails closed: what is not listed here is refused.
//
//   request                      who
//   Poll, BlobOpen/Chunk/Get,    site-agent, trainer (each for its own jobs)
//   PutWraps, GetWraps
//   Poll                         people too: they learn membership, studies and checkpoints
//   Submit                       every member but auditors (the ledger decides kind by kind)
//   FetchSigner                  every member, about itself
//   FetchRecords                 every member; envelopes within may_read()
//   Invite, ListEnrolments       root, consortium-admin
//   Ask                          every member, within its view
#pragma once

#include "base/result.h"
#include "coordinator/core/membership.h"
#include "coordinator/core/study.h"
#include "protocol/messages.h"

namespace cloister::coordinator {

// "member.unknown", "member.revoked", "request.role".
[[nodiscard]] Result<void> may_ask(const Member* member, const protocol::Request& request);

// Reads everything that may be read: auditors and the consortium's administrators.
[[nodiscard]] bool sees_everything(const Member& member);
[[nodiscard]] bool sees_study(const Member& member, const Study& study);
// A site's members see their own site's jobs only; the trainer those assigned to it.
[[nodiscard]] bool sees_job(const Member& member, const Study& study, const Job& job);
// Whether the payload of this record may be shown to the member; leaves are for every member.
[[nodiscard]] bool may_read(const Member& member, const provenance::Record& record,
                            const Membership& membership, const std::map<StudyId, Study>& studies);

}  // namespace cloister::coordinator
