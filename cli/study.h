// Verbs of a study owner, against the coordinator.
#pragma once

#include <filesystem>
#include <string>

#include "cli/answer.h"
#include "cli/line.h"
#include "protocol/plan.h"

namespace cloister::cli {

// Checks the plan, compares the trainer's seal key with the certified one, signs and submits it.
[[nodiscard]] Result<Answer> open_study(Seat& seat, const protocol::StudyPlan& plan);
[[nodiscard]] Result<Answer> open_study_file(Seat& seat, const std::filesystem::path& path);

// For each site: what it does, since when, what it waits for and whose move it is.
[[nodiscard]] Result<Answer> study_status(Seat& seat, const std::string& study);
[[nodiscard]] Result<Answer> study_jobs(Seat& seat, const std::string& study);
// Prints to the terminal until the study is released or closed (or the person interrupts).
[[nodiscard]] Result<Answer> watch_study(Seat& seat, const std::string& study, bool json);

// Releases the newest model once enough sites approved it. Where a site's membership test did not
// pass, or was not made, it needs a reason, which goes into the ledger ("release.membership").
[[nodiscard]] Result<Answer> release_model(Seat& seat, const std::string& study,
                                           const std::string& reason);

// The owner's documented exception: what withdrawals took away is not trained again. "retrain.none"
// if no withdrawal waits for that.
[[nodiscard]] Result<Answer> do_without_retrain(Seat& seat, const std::string& study,
                                                const std::string& reason);

// report.json and report.html from the ledger alone, for whoever may read all of it: no pictures of
// patients, no wall time.
[[nodiscard]] Result<Answer> study_report(Seat& seat, const std::string& study,
                                          const std::filesystem::path& folder);

// "train-image-encoder 120/350, 9.1 a second, 25 s left": one job's progress for people; empty
// where nothing was reported.
[[nodiscard]] std::string progress_text(const provenance::Json& job);
// "9.1 a second, 25 s left", of what a worker reports.
[[nodiscard]] std::string pace_text(const provenance::Json& progress);

}  // namespace cloister::cli
