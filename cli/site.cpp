// What a site's people ask their agent.
#include "cli/site.h"

#include "cli/json_read.h"
#include "cli/study.h"
#include "protocol/jobs.h"

namespace cloister::cli {
namespace {

using provenance::Json;
using provenance::text_or_empty;

Json about_job(const std::string& job) { return Json::object().set("job", job); }

std::string indicator_lines(const Json& preview) {
  std::string out;
  for (const Json& one : items_at(preview, "indicators")) {
    out += fmt::format("    {:<24} {:<10.4g} {}\n", text_or_empty(one, "name"),
                       number_at(one, "value"), text_or_empty(one, "verdict"));
  }
  return out;
}

std::string purposes_line(const Json& preview) {
  std::string out;
  const Json by_purpose = object_at(preview, "by_purpose");
  for (const auto& [purpose, counts] : *by_purpose.fields()) {
    out += fmt::format("{}{}: {:.0f} shards, {:.0f} bytes", out.empty() ? "" : "; ", purpose,
                       number_at(counts, "shards"), number_at(counts, "bytes"));
  }
  return out;
}

}  // namespace

Result<SitePerson> open_person(const std::filesystem::path& home,
                               const PassphraseSource& passphrase) {
  auto membership = load_membership(home / "membership.json");
  if (!membership) return pass(membership);
  auto connection = load_connection(home);
  if (!connection) return pass(connection);
  auto identity = open_key(connection->key, passphrase);
  if (!identity) return pass(identity);
  return SitePerson{std::move(*membership), std::move(*identity)};
}

Result<Answer> site_status(AgentLine& agent) {
  auto told = agent.ask("status");
  if (!told) return pass(told);
  const Json policy = object_at(*told, "policy");
  Answer answer;
  answer.text = fmt::format(
      "{} ({}): {} to {}{}\n  ledger head seen  {:.0f}\n  policy            {} ({})\n"
      "  doing             {}\n",
      text_or_empty(*told, "site"), text_or_empty(*told, "member"),
      truth_at(*told, "connected") ? "connected" : "NOT connected",
      text_or_empty(*told, "coordinator"),
      text_or_empty(*told, "last_heard").empty()
          ? ""
          : ", last heard " + text_or_empty(*told, "last_heard"),
      number_at(*told, "head_size"), text_or_empty(policy, "digest").substr(0, 12),
      truth_at(policy, "published") ? "signed and in the ledger"
                                    : "not published: nothing is approved by itself",
      text_or_empty(*told, "doing").empty() ? "nothing" : text_or_empty(*told, "doing"));
  for (const Json& study : items_at(*told, "studies")) {
    answer.text += fmt::format("  study {}: {}; {}\n", text_or_empty(study, "study"),
                               text_or_empty(study, "phase"), text_or_empty(study, "waits_for"));
  }
  if (const std::string halted = text_or_empty(*told, "halted"); !halted.empty()) {
    answer.text += fmt::format("HALTED: {}\n", halted);
  }
  answer.json = std::move(*told);
  return answer;
}

Result<Answer> site_jobs(AgentLine& agent) {
  auto told = agent.ask("jobs");
  if (!told) return pass(told);
  Answer answer;
  for (const Json& job : items_at(*told, "jobs")) {
    const std::string progress = progress_text(job);
    answer.text +=
        fmt::format("{:<46} {:<9} {}\n", text_or_empty(job, "id"), text_or_empty(job, "state"),
                    progress.empty() ? text_or_empty(job, "waits_for") : progress);
  }
  if (answer.text.empty()) answer.text = "No jobs yet.\n";
  answer.json = std::move(*told);
  return answer;
}

Result<Answer> site_show(AgentLine& agent, const std::string& job) {
  auto told = agent.ask("show", about_job(job));
  if (!told) return pass(told);
  const Json view = object_at(*told, "job");
  const Json plan = object_at(*told, "plan");
  const auto kind = protocol::job_kind(text_or_empty(view, "kind"));
  Answer answer;
  answer.text = fmt::format(
      "{}\n  what runs     {}: {}\n  study         {}: {}\n  purpose       {}\n  legal basis   {}\n"
      "  leaves here   {}\n  state         {}; {}\n  policy says   {}: {}\n  spec          {}\n"
      "  plan          {}\n",
      text_or_empty(view, "id"), text_or_empty(view, "kind"), kind ? kind->plain : "",
      text_or_empty(view, "study"), text_or_empty(plan, "title"), text_or_empty(plan, "purpose"),
      text_or_empty(plan, "legal_basis"),
      truth_at(*told, "leaves") ? "yes: look at `cloister site preview`" : "nothing",
      text_or_empty(view, "state"), text_or_empty(view, "waits_for"),
      text_or_empty(*told, "ruling"), text_or_empty(*told, "why"),
      text_or_empty(*told, "spec_digest"), text_or_empty(*told, "plan_digest"));
  answer.json = std::move(*told);
  return answer;
}

Result<Answer> site_preview(AgentLine& agent, const std::string& job_or_study) {
  auto told = agent.ask("preview", Json::object().set("study", job_or_study));
  if (!told) {
    auto by_job = agent.ask("preview", about_job(job_or_study));
    if (!by_job) return pass(told);
    told = std::move(by_job);
  }
  const Json quota = object_at(*told, "quota");
  Answer answer;
  answer.text = fmt::format(
      "What would leave for study {}, to {} and nobody else:\n  {:.0f} shards, {:.0f} bytes ({})\n"
      "  manifest {}\n  gate report {}\n{}  left of this site's quota afterwards: {:.0f} bytes, "
      "{:.0f} shards\n",
      text_or_empty(*told, "study"), text_or_empty(*told, "recipient"), number_at(*told, "shards"),
      number_at(*told, "bytes"), purposes_line(*told), text_or_empty(*told, "manifest"),
      text_or_empty(*told, "report"), indicator_lines(*told), number_at(quota, "bytes_left"),
      number_at(quota, "shards_left"));
  answer.json = std::move(*told);
  return answer;
}

Result<Answer> site_egress(AgentLine& agent) {
  auto told = agent.ask("egress");
  if (!told) return pass(told);
  Answer answer;
  for (const Json& one : items_at(*told, "departures")) {
    answer.text +=
        fmt::format("{}  {:>12.0f} bytes, {:.0f} shards  study {}  permit {}\n",
                    text_or_empty(one, "sent"), number_at(one, "bytes"), number_at(one, "shards"),
                    text_or_empty(one, "study"), text_or_empty(one, "permit").substr(0, 12));
  }
  answer.text += fmt::format("{:.0f} bytes ever left.\n", number_at(*told, "bytes"));
  answer.json = std::move(*told);
  return answer;
}

Result<Answer> site_report(AgentLine& agent, const std::string& study) {
  auto told = agent.ask("report", Json::object().set("study", study));
  if (!told) return pass(told);
  Answer answer;
  answer.text = fmt::format("{}\n", text_or_empty(*told, "folder"));
  for (const Json& file : items_at(*told, "files")) {
    if (file.text() != nullptr) answer.text += fmt::format("  {}\n", *file.text());
  }
  answer.json = std::move(*told);
  return answer;
}

Result<Answer> site_local(AgentLine& agent, const std::string& verb, const std::string& job) {
  auto told = agent.ask(verb, about_job(job));
  if (!told) return pass(told);
  const Json view = object_at(*told, "job");
  Answer answer;
  answer.text = fmt::format("{} is {} now.\n", job, text_or_empty(view, "state"));
  answer.json = std::move(*told);
  return answer;
}

Result<Answer> predict(AgentLine& agent, const PredictOptions& options) {
  std::error_code ignored;
  const auto image = std::filesystem::absolute(options.image, ignored);
  const auto output = std::filesystem::absolute(options.output, ignored);
  if (!std::filesystem::is_regular_file(image, ignored)) {
    return fail(Kind::not_found, "predict.image",
                fmt::format("There is no image {}.", image.string()),
                "Give a NIfTI file (.nii or .nii.gz).");
  }
  auto told = agent.ask("predict",
                        Json::object().set("path", image.string()).set("output", output.string()),
                        Duration{30 * 60'000});
  if (!told) return pass(told);
  Answer answer;
  answer.text = fmt::format("{} written in {:.1f} s\n  SHA-256 {}\n", output.string(),
                            number_at(*told, "seconds"), text_or_empty(*told, "digest"));
  const Json structures = object_at(*told, "structures");
  for (const auto& [name, one] : *structures.fields()) {
    answer.text += fmt::format("  {:<8} {:.1f} ml\n", name, number_at(one, "ml"));
  }
  answer.text += fmt::format("Where it came from: cloister audit trace {}\n", output.string());
  answer.json = std::move(*told);
  return answer;
}

}  // namespace cloister::cli
