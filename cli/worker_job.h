// One job of a cloister-worker that needs no secrets and gives back nothing but its result:
// phantoms and pilots.
#pragma once

#include <filesystem>

#include <functional>

#include "base/result.h"
#include "base/time.h"
#include "provenance/json.h"

namespace cloister::cli {

// The worker's result; its failure in its own words, kind and code; "worker.job"
// where it ended without a word.
// `on_progress` sees what the worker reports meanwhile: phase, step, steps, rate, time left.
[[nodiscard]] Result<provenance::Json> run_worker_job(
    const std::filesystem::path& worker, const provenance::Json& job, Duration limit,
    const std::function<void(const provenance::Json&)>& on_progress = {});

}  // namespace cloister::cli
