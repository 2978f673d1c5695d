#include "cli/trainer.h"

#include "cli/json_read.h"

namespace cloister::cli {
namespace {

using provenance::Json;
using provenance::text_or_empty;

// The process in a sentence, and the group of verbs about it.
std::string noun_of(ProcessKind kind) { return kind == ProcessKind::agent ? "agent" : "trainer"; }
std::string group_of(ProcessKind kind) { return kind == ProcessKind::agent ? "site" : "trainer"; }

tl::unexpected<Error> not_halted(ProcessKind kind) {
  if (kind == ProcessKind::agent)
    return fail(Kind::conflict, "agent.not_halted", "The agent is not halted.", "Nothing to do.");
  return fail(Kind::conflict, "trainer.not_halted", "The trainer is not halted.", "Nothing to do.");
}

}  // namespace

std::string keys_line(const Json& keys, ProcessKind kind) {
  return fmt::format(
      "  keys              {} since {}, renew by {}{}{}\n",
      text_or_empty(keys, "fingerprint").substr(0, 19), text_or_empty(keys, "since").substr(0, 10),
      text_or_empty(keys, "renew_by").substr(0, 10),
      truth_at(keys, "renew_now")
          ? fmt::format(": NOW, with `cloister {} rotate` and a new token", group_of(kind))
          : "",
      number_at(keys, "former") > 0 ? "; a former key still counts" : "");
}

std::string problem_lines(const Json& status) {
  const Json problem = object_at(status, "problem");
  if (text_or_empty(problem, "code").empty()) return {};
  return fmt::format("PROBLEM since {}: {}\n  next: {}\n  code: {}\n",
                     text_or_empty(problem, "since"), text_or_empty(problem, "what"),
                     text_or_empty(problem, "next"), text_or_empty(problem, "code"));
}

Result<Answer> confirm_process(AgentLine& process, ProcessKind kind, bool sure) {
  auto status = process.ask("status");
  if (!status) return pass(status);
  if (!truth_at(*status, "halted")) return not_halted(kind);
  Answer answer;
  answer.text = fmt::format(
      "The {0} signs and sends nothing: {1}\n"
      "  its own last head   {2:.0f} records\n"
      "  evidence            in the {0}'s folder, evidence/\n",
      noun_of(kind), text_or_empty(*status, "halted_why"), number_at(*status, "ledger_size"));
  answer.json = std::move(*status);
  if (!sure) {
    answer.text += fmt::format(
        "Compare the coordinator's head with {} or an auditor by telephone. Was this "
        "machine restored\nfrom a backup, or does a copy of it run elsewhere? Stop the copy. Then: "
        "cloister {} confirm --sure\n",
        kind == ProcessKind::agent ? "another site" : "a site", group_of(kind));
    answer.status = exit_status(Kind::conflict);
    return answer;
  }
  auto told = process.ask("forgive");
  if (!told) return pass(told);
  answer.text +=
      "Confirmed: it takes the ledger's head and its own counters from there, and goes on.\n";
  answer.json.set("halted", false);
  return answer;
}

Result<Answer> trainer_status(AgentLine& trainer) {
  auto told = trainer.ask("status");
  if (!told) return pass(told);
  const std::string heard = text_or_empty(*told, "last_heard");
  Answer answer;
  answer.text = fmt::format(
      "{}\n  coordinator       {}\n  ledger head seen  {:.0f}\n", text_or_empty(*told, "member"),
      heard.empty() ? "not heard yet" : "last heard " + heard, number_at(*told, "ledger_size"));
  for (const char* what : {"running", "predicting"}) {
    const std::string job = text_or_empty(*told, what);
    answer.text += fmt::format("  {:<17} {}\n", what, job.empty() ? "nothing" : job);
  }
  answer.text += keys_line(object_at(*told, "keys"), ProcessKind::trainer);
  for (const Json& job : items_at(*told, "jobs")) {
    answer.text += fmt::format("  {:<46} {:<9} {}\n", text_or_empty(job, "id"),
                               text_or_empty(job, "state"), text_or_empty(job, "waits_for"));
  }
  answer.text += problem_lines(*told);
  if (truth_at(*told, "halted"))
    answer.text += fmt::format("HALTED: {}\n", text_or_empty(*told, "halted_why"));
  answer.json = std::move(*told);
  return answer;
}

}  // namespace cloister::cli
