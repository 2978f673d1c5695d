// The job document: README.md has its schema.
#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "networks/job.h"
#include "protocol/plan.h"

namespace cloister::worker {

struct JobLimits {
  std::uint64_t memory_bytes = 0;  // 0: no limit
  std::uint64_t cpu_seconds = 0;
  int threads = 0;                // 0: one a core
  double gpu_memory_share = 1.0;  // of the device's memory; 1: no limit
};

struct JobDocument {
  std::string job_id;
  std::string kind;
  std::optional<protocol::StudyPlan> plan;
  nlohmann::json parameters = nlohmann::json::object();
  std::filesystem::path data_root;  // empty: none
  std::filesystem::path scratch;    // folder for nameless files; empty: the system's
  std::vector<std::string> reuse;
  JobLimits limits;
  networks::Device device;

  // "worker.plan_missing" where the kind needs a study's plan and the job has none.
  [[nodiscard]] Result<std::reference_wrapper<const protocol::StudyPlan>> needed_plan() const;
  // Typed parameters: absent gives the fallback, another type is "worker.bad_job".
  [[nodiscard]] Result<std::string> text(std::string_view name, std::string fallback = {}) const;
  [[nodiscard]] Result<std::int64_t> whole(std::string_view name, std::int64_t fallback) const;
  [[nodiscard]] Result<double> real(std::string_view name, double fallback) const;
  [[nodiscard]] Result<bool> truth(std::string_view name, bool fallback) const;
  [[nodiscard]] Result<std::vector<std::string>> texts(std::string_view name) const;
};

// "worker.bad_job" names the field.
[[nodiscard]] Result<JobDocument> parse_job(BytesView text);
[[nodiscard]] Error bad_job(std::string what);

}  // namespace cloister::worker
