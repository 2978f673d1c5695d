// What a study's owner decides after it was opened: amend, stop, take up again, close.
#pragma once

#include <filesystem>
#include <string>

#include "cli/answer.h"
#include "cli/line.h"
#include "cli/site_records.h"

namespace cloister::cli {

// Every study that we may see.
[[nodiscard]] Result<Answer> study_list(Seat& seat);

// Signs the next version of a plan. The file may leave `version` as it was: it is counted up here.
// Says what changes; "amend.nothing" if nothing does. Every site is asked again for each job.
[[nodiscard]] Result<Answer> amend_study(Seat& seat, const std::filesystem::path& plan);

// "hold", "abort" (any job of the study) or "resume", "retry" (the trainer's jobs; a site takes up
// its own).
[[nodiscard]] Result<Answer> study_decide(Seat& seat, const std::string& job,
                                          const Decision& decision);

// Ends the study: every open job is aborted, nothing new is offered. Records and models stay.
[[nodiscard]] Result<Answer> close_study(Seat& seat, const std::string& study,
                                         const std::string& reason);

// What happened to a job, record by record, as far as we may read them.
[[nodiscard]] Result<Answer> job_history(Seat& seat, const std::string& job);

}  // namespace cloister::cli
