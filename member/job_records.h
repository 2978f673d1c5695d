// What agent and trainer say about a job in the same words.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "member/actions.h"
#include "member/record_outbox.h"
#include "member/study.h"
#include "protocol/work_messages.h"
#include "provenance/record.h"

namespace cloister::member {

// A worker's outcome, durable.
struct Worked {
  std::uint32_t attempt = 1;
  std::string result_json;
  std::vector<Kept> kept;
  std::vector<Digest> commitments;  // of register-data: HMACs of images and masks, sorted
};
// Under key "job/<id>": kept, dropped, and read again after a restart.
[[nodiscard]] Persist keep_worked(const JobId& job, const Worked& worked);
[[nodiscard]] Persist drop_worked(const JobId& job);
[[nodiscard]] std::map<JobId, Worked> worked_in(const Stored& stored);

// Under which the record that closes a job is drafted, and the job of such a name.
[[nodiscard]] std::string product_name(const JobId& job);
[[nodiscard]] std::optional<JobId> job_of_product(std::string_view name);

// Checks that the spec is what its digest says, of this job, and of the plan that was signed
// ("job.spec").
[[nodiscard]] Result<void> check_spec(const protocol::JobView& job, const Study& study);

// The fields that every record about a job shares: study, job, purpose, spec and inputs.
[[nodiscard]] provenance::Record job_record(provenance::RecordKind kind,
                                            const protocol::JobView& job, const Study& study);
// What becomes of an attempt that ended with this error: job.failed (docs/protocol.md has its
// details); or, where this machine lacks room or the site's quota is reached, so that the next
// attempts would be gone within a second, job.denied with the decision "hold". A person resumes the
// job once there is room.
[[nodiscard]] provenance::Record ended_record(const protocol::JobView& job, const Study& study,
                                              const Error& error);
// Takes the named fields over where they are there.
void copy_fields(const provenance::Json& from, provenance::Json& to,
                 std::initializer_list<std::string_view> keys);

}  // namespace cloister::member
