#include "worker/job.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace cloister::worker {
namespace {

using nlohmann::json;

constexpr std::array<std::string_view, 9> known_fields{
    "job_id", "kind", "plan", "parameters", "data", "reuse", "limits", "device", "scratch"};

tl::unexpected<Error> refuse(std::string what) {
  return tl::unexpected<Error>(bad_job(std::move(what)));
}

template <class T>
Result<T> field(const json& object, std::string_view name, T fallback,
                bool (json::*is)() const noexcept) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return fallback;
  if (!((*found).*is)()) return refuse(fmt::format("'{}' is of the wrong type", name));
  return found->get<T>();
}

Result<JobLimits> parse_limits(const json& document) {
  JobLimits limits;
  const json given = document.value("limits", json::object());
  if (!given.is_object()) return refuse("'limits' is no object");
  const auto memory = field<std::int64_t>(given, "memory_bytes", 0, &json::is_number_integer);
  const auto cpu = field<std::int64_t>(given, "cpu_seconds", 0, &json::is_number_integer);
  const auto threads = field<std::int64_t>(given, "threads", 0, &json::is_number_integer);
  for (const auto* number : {&memory, &cpu, &threads}) {
    if (!*number) return pass(*number);
    if (**number < 0) return refuse("a limit is negative");
  }
  limits.memory_bytes = static_cast<std::uint64_t>(*memory);
  limits.cpu_seconds = static_cast<std::uint64_t>(*cpu);
  limits.threads = static_cast<int>(std::min<std::int64_t>(*threads, 1024));
  const auto share = field<double>(given, "gpu_memory_share", 1.0, &json::is_number);
  if (!share) return pass(share);
  if (!(*share > 0) || *share > 1) return refuse("'gpu_memory_share' is not between 0 and 1");
  limits.gpu_memory_share = *share;
  return limits;
}

Result<void> parse_places(const json& document, JobDocument& job) {
  const json data = document.value("data", json::object());
  if (!data.is_object()) return refuse("'data' is no object");
  const auto root = field<std::string>(data, "root", "", &json::is_string);
  if (!root) return pass(root);
  job.data_root = *root;
  if (!root->empty() && !job.data_root.is_absolute()) return refuse("'data.root' is not absolute");
  const auto scratch = field<std::string>(document, "scratch", "", &json::is_string);
  if (!scratch) return pass(scratch);
  job.scratch = *scratch;
  if (!scratch->empty() && !job.scratch.is_absolute()) return refuse("'scratch' is not absolute");
  const auto device = field<std::string>(document, "device", "cpu", &json::is_string);
  if (!device) return pass(device);
  const auto parsed = networks::parse_device(*device);
  if (!parsed) return pass(parsed);
  job.device = *parsed;
  const json reuse = document.value("reuse", json::array());
  if (!reuse.is_array()) return refuse("'reuse' is no list");
  for (const json& name : reuse) {
    if (!name.is_string()) return refuse("'reuse' holds something else than names");
    job.reuse.push_back(name.get<std::string>());
  }
  return {};
}

}  // namespace

Error bad_job(std::string what) {
  return {Kind::invalid, "worker.bad_job",
          fmt::format("The job cannot be understood: {}.", std::move(what)),
          "Agent, trainer and worker must be of one version."};
}

Result<JobDocument> parse_job(BytesView text) {
  const json document = json::parse(as_text(text), nullptr, false);
  if (!document.is_object()) return refuse("it is no JSON object");
  for (const auto& [name, value] : document.items()) {
    if (std::find(known_fields.begin(), known_fields.end(), name) == known_fields.end()) {
      return refuse(fmt::format("the field '{}' is not known", name.substr(0, 40)));
    }
  }
  JobDocument job;
  const auto id = field<std::string>(document, "job_id", "", &json::is_string);
  const auto kind = field<std::string>(document, "kind", "", &json::is_string);
  if (!id) return pass(id);
  if (!kind) return pass(kind);
  job.job_id = *id;
  job.kind = *kind;
  if (document.contains("parameters")) job.parameters = document["parameters"];
  if (!job.parameters.is_object()) return refuse("'parameters' is no object");
  if (document.contains("plan") && !document["plan"].is_null()) {
    auto plan = protocol::plan_from_json(document["plan"].dump());
    if (!plan) return pass(std::move(plan));
    job.plan = std::move(*plan);
  }
  const auto limits = parse_limits(document);
  if (!limits) return pass(limits);
  job.limits = *limits;
  if (auto places = parse_places(document, job); !places) return pass(std::move(places));
  return job;
}

Result<std::reference_wrapper<const protocol::StudyPlan>> JobDocument::needed_plan() const {
  if (plan) return std::cref(*plan);
  return fail(Kind::invalid, "worker.plan_missing", "This kind of job needs the study's plan.",
              "Send the plan with the job.");
}

Result<std::string> JobDocument::text(std::string_view name, std::string fallback) const {
  return field<std::string>(parameters, name, std::move(fallback), &json::is_string);
}
Result<std::int64_t> JobDocument::whole(std::string_view name, std::int64_t fallback) const {
  return field<std::int64_t>(parameters, name, fallback, &json::is_number_integer);
}
Result<double> JobDocument::real(std::string_view name, double fallback) const {
  return field<double>(parameters, name, fallback, &json::is_number);
}
Result<bool> JobDocument::truth(std::string_view name, bool fallback) const {
  return field<bool>(parameters, name, fallback, &json::is_boolean);
}
Result<std::vector<std::string>> JobDocument::texts(std::string_view name) const {
  const auto found = parameters.find(name);
  std::vector<std::string> values;
  if (found == parameters.end() || found->is_null()) return values;
  if (!found->is_array()) return refuse(fmt::format("'{}' is no list", name));
  for (const json& value : *found) {
    if (!value.is_string()) return refuse(fmt::format("'{}' is no list of texts", name));
    values.push_back(value.get<std::string>());
  }
  return values;
}

}  // namespace cloister::worker
