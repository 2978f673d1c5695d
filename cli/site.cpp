// What a site's people ask their agent.
#include "cli/site.h"

#include "cli/json_read.h"
#include "cli/study.h"
#include "cli/trainer.h"
#include "protocol/jobs.h"

namespace cloister::cli {
namespace {

using provenance::Json;
using provenance::text_or_empty;

Json about_job(const std::string& job) { return Json::object().set("job", job); }

std::string gate_lines(const Json& preview) {
  std::string out;
  for (const Json& one : items_at(preview, "gate")) {
    out += fmt::format("    {:<24} {:<10.4g} {}{}\n", text_or_empty(one, "indicator"),
                       number_at(one, "value"), text_or_empty(one, "verdict"),
                       truth_at(one, "excepted") ? ", exception signed" : "");
  }
  return out;
}

std::string leaves_lines(const Json& preview) {
  std::string out;
  for (const Json& one : items_at(preview, "leaves")) {
    if (text_or_empty(one, "purpose") == "mask-decoder") {
      out += fmt::format(
          "    mask-decoder THIS SITE'S MASK DECODER, {:.0f} bytes: with it the trainer can read "
          "this "
          "site's masks{}\n",
          number_at(one, "bytes"),
          truth_at(preview, "mask_decoder_permitted")
              ? "; its release is signed"
              : "; needs `cloister site release-decoder` besides the release");
      continue;
    }
    out += fmt::format(
        "    {:<12} {:.0f} patients, {:.0f} slices, {:.0f} views of each, {:.0f} bytes\n",
        text_or_empty(one, "purpose"), number_at(one, "patients"), number_at(one, "slices"),
        number_at(one, "views"), number_at(one, "bytes"));
  }
  return out;
}

}  // namespace

Result<Answer> site_status(AgentLine& agent) {
  auto told = agent.ask("status");
  if (!told) return pass(told);
  const Json policy = object_at(*told, "policy");
  const std::string heard = text_or_empty(*told, "last_heard");
  const std::string running = text_or_empty(*told, "running");
  Answer answer;
  answer.text = fmt::format(
      "{} ({})\n  coordinator       {}\n  ledger head seen  {:.0f}\n  policy            {} ({})\n"
      "  doing             {}\n",
      text_or_empty(*told, "site"), text_or_empty(*told, "member"),
      heard.empty() ? "not heard yet" : "last heard " + heard, number_at(*told, "ledger_size"),
      text_or_empty(policy, "digest").substr(0, 12),
      truth_at(policy, "published") ? "signed by " + text_or_empty(policy, "signer")
                                    : "not signed: nothing is approved by itself",
      running.empty() ? "nothing" : running);
  answer.text += keys_line(object_at(*told, "keys"), ProcessKind::agent);
  for (const Json& study : items_at(*told, "studies")) {
    const std::string refused = text_or_empty(study, "refused");
    answer.text +=
        fmt::format("  study {}: {}\n", text_or_empty(study, "study"),
                    refused.empty() ? text_or_empty(study, "phase") : "REFUSED: " + refused);
  }
  answer.text += problem_lines(*told);
  if (truth_at(*told, "halted")) {
    answer.text += fmt::format("HALTED: {}\n", text_or_empty(*told, "halted_why"));
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
    // What keeps it on this machine, which the coordinator cannot know.
    const std::string here = text_or_empty(job, "here");
    if (progress.empty() && !here.empty() && text_or_empty(job, "state") != "done")
      answer.text += fmt::format("{:<56} here: {}\n", "", here);
  }
  if (answer.text.empty()) answer.text = "No jobs yet.\n";
  answer.json = std::move(*told);
  return answer;
}

namespace {

std::string data_words(const Json& told) {
  const Json data = object_at(told, "data");
  const std::string folder = provenance::text_or_empty(data, "folder");
  if (data.find("patients") == nullptr)
    return fmt::format("{} (read only; not looked through yet)", folder);
  std::string splits;
  const Json by_split = object_at(data, "splits");
  for (const auto& [name, split] : *by_split.fields())
    splits +=
        fmt::format("{}{} {:.0f}", splits.empty() ? "" : ", ", name, number_at(split, "patients"));
  return fmt::format("{} (read only): {:.0f} patients ({})", folder, number_at(data, "patients"),
                     splits);
}

std::string leaving_words(const Json& told) {
  if (!truth_at(told, "leaves_site")) return "nothing leaves this site by this job";
  const Json leaving = object_at(told, "would_leave");
  if (leaving.find("patients") == nullptr) return "sealed codes, once they are encoded";
  return fmt::format(
      "sealed codes of {:.0f} patients, {:.0f} bytes, to {} only (`cloister site "
      "preview`)",
      number_at(leaving, "patients"), number_at(leaving, "bytes"),
      text_or_empty(leaving, "recipient"));
}

std::string change_lines(const Json& told) {
  const Json compared = object_at(told, "compared");
  if (compared.find("first") == nullptr) return {};
  if (truth_at(compared, "first"))
    return "  compared      the first of its kind in this study: nothing was approved before\n";
  const auto changes = items_at(compared, "changes");
  if (changes.empty())
    return fmt::format("  compared      the same as was approved last (plan version {:.0f})\n",
                       number_at(compared, "approved_version"));
  std::string out = fmt::format(
      "  compared      differs from what was approved last (plan version "
      "{:.0f}):\n",
      number_at(compared, "approved_version"));
  for (const Json& change : changes)
    out += fmt::format("    {:<34} {} -> {}\n", text_or_empty(change, "what"),
                       text_or_empty(change, "before"), text_or_empty(change, "after"));
  return out;
}

}  // namespace

Result<Answer> site_show(AgentLine& agent, const std::string& job) {
  auto told = agent.ask("show", about_job(job));
  if (!told) return pass(told);
  Answer answer;
  answer.text = fmt::format(
      "{}\n  what runs     {}: {}\n  on which data {}\n  what leaves   {}\n"
      "  study         {}: {}\n  purpose       {}\n  legal basis   {}\n  asked by      {}\n"
      "  state         {} since {}; {}\n  policy says   {} (policy {})\n{}"
      "  spec          {}\n  plan          {}\n",
      text_or_empty(*told, "id"), text_or_empty(*told, "kind"), text_or_empty(*told, "plain"),
      data_words(*told), leaving_words(*told), text_or_empty(*told, "study"),
      text_or_empty(*told, "title"), text_or_empty(*told, "purpose"),
      text_or_empty(*told, "legal_basis"), text_or_empty(*told, "owner"),
      text_or_empty(*told, "state"), text_or_empty(*told, "since"),
      text_or_empty(*told, "waits_for"), text_or_empty(*told, "policy"),
      text_or_empty(*told, "policy_digest").substr(0, 12), change_lines(*told),
      text_or_empty(*told, "spec_digest"), text_or_empty(*told, "plan"));
  answer.json = std::move(*told);
  return answer;
}

Result<Json> preview_of(AgentLine& agent, const std::string& study) {
  auto told = agent.ask("jobs");
  if (!told) return pass(told);
  for (const Json& job : items_at(*told, "jobs")) {
    if (text_or_empty(job, "kind") != "release" || text_or_empty(job, "study") != study) continue;
    return agent.ask("preview", about_job(text_or_empty(job, "id")));
  }
  return fail(Kind::not_found, "preview.nothing",
              fmt::format("No release of study '{}' is being asked of this site yet.", study),
              "`cloister site jobs` says what comes first.");
}

Result<Answer> site_preview(AgentLine& agent, const std::string& study) {
  auto told = preview_of(agent, study);
  if (!told) return pass(told);
  const Json quota = object_at(*told, "quota");
  const Json before = object_at(*told, "left_before");
  Answer answer;
  answer.text = fmt::format(
      "What would leave for study {}, to {} and nobody else:\n{}  in all {:.0f} patients, {:.0f} "
      "bytes\n"
      "  manifest      {}\n  gate report   {}\n{}"
      "  quota         {:.0f} of {:.0f} bytes and {:.0f} of {:.0f} patients have left before\n  "
      "{}\n",
      text_or_empty(*told, "study"), text_or_empty(*told, "recipient"), leaves_lines(*told),
      number_at(*told, "patients"), number_at(*told, "bytes"), text_or_empty(*told, "manifest"),
      text_or_empty(*told, "report"), gate_lines(*told), number_at(before, "bytes"),
      number_at(quota, "bytes"), number_at(before, "cases"), number_at(quota, "cases"),
      truth_at(*told, "may_leave") ? "It may leave."
                                   : "It may not leave yet: " + text_or_empty(*told, "why"));
  answer.json = std::move(*told);
  return answer;
}

Result<Answer> site_egress(AgentLine& agent) {
  auto told = agent.ask("egress");
  if (!told) return pass(told);
  Answer answer;
  double bytes = 0;
  for (const Json& one : items_at(*told, "left")) {
    bytes += number_at(one, "bytes");
    answer.text +=
        fmt::format("{}  {:>12.0f} bytes, {:.0f} patients  study {}  {}  manifest {}\n",
                    text_or_empty(one, "at"), number_at(one, "bytes"), number_at(one, "cases"),
                    text_or_empty(one, "study"), text_or_empty(one, "purpose"),
                    text_or_empty(one, "manifest").substr(0, 12));
  }
  answer.text += fmt::format("{:.0f} bytes ever left.\n", bytes);
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
  Json about = Json::object().set("path", image.string()).set("output", output.string());
  if (!options.study.empty()) about.set("study", options.study);
  auto told = agent.ask("predict", about, Duration{30 * 60'000});
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
