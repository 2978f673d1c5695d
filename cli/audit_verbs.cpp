#include <CLI/CLI.hpp>
#include <memory>
#include <set>

#include "cli/audit.h"
#include "cli/program.h"

namespace cloister::cli {
namespace {

using Question = Result<Answer> (*)(const Replica&, const std::string&);

// Evidence for others is worth a wait: the sites cosign with their next poll.
constexpr Duration wait_for_witnesses{45'000};

struct Row {
  const char* name;
  const char* help;
  const char* argument;
  const char* example;
  Question ask;
};
constexpr Row rows[] = {
    {"trace", "Where this came from, back to the commitments of the data", "file-or-digest",
     "trace prediction.nii.gz", audit_trace},
    {"impact", "Everything that was made from this", "file-or-digest", "impact 9f2c...",
     audit_impact},
    {"history", "Every record of a study, in order", "study", "history heart-1", audit_history},
    {"who", "Who stands behind a record: signer, key, approvals", "record", "who 5be1...",
     audit_who},
    {"policy", "Every record made under a policy", "file-or-digest", "policy policy.toml",
     audit_policy},
    {"withdrawals", "What was taken back, what had been made from it, and what followed", "study",
     "withdrawals heart-1", audit_withdrawals},
    {"egress", "Every byte that left a site, when, and under which permit", "site", "egress site-a",
     audit_egress},
};

template <class Do>
Verb replayed(std::shared_ptr<Who> who, Do act, Duration witness_wait = Duration{0}) {
  return [who, act, witness_wait]() -> Result<Answer> {
    auto seat = take_seat(who->home, who->passphrase);
    if (!seat) return pass(seat);
    auto replica = fetch_ledger(*seat, witness_wait);
    if (!replica) return pass(replica);
    return act(*replica);
  };
}

void add_row(CLI::App& group, Choice& choice, const Row& row) {
  CLI::App* verb = group.add_subcommand(row.name, row.help);
  const auto who = std::make_shared<Who>();
  const auto what = std::make_shared<std::string>();
  verb->add_option(row.argument, *what)->required();
  add_who(*verb, *who);
  verb->footer(std::string("Example:\n  cloister audit ") + row.example +
               " --home ~/.cloister/aude");
  verb->callback([&choice, who, what, ask = row.ask] {
    choice.run = replayed(who, [what, ask](const Replica& replica) { return ask(replica, *what); });
  });
}

void add_verify(CLI::App& group, Choice& choice) {
  CLI::App* verb =
      group.add_subcommand("verify", "Fetch the whole ledger and check every claim in it");
  const auto who = std::make_shared<Who>();
  add_who(*verb, *who);
  verb->footer("Example:\n  cloister audit verify --home ~/.cloister/aude");
  verb->callback([&choice, who] { choice.run = replayed(who, audit_verify, wait_for_witnesses); });
}

// --as needs a study, and a study needs --as; a question needs what it is about.
Result<void> check_form(const ExportOptions& options) {
  const bool is_bundle = options.form.empty();
  if ((!options.question.empty() && options.about.empty()) ||
      (!is_bundle && !options.about.empty())) {
    return fail(Kind::invalid, "export.about",
                "--question needs --about, and neither goes with --as.",
                "Say with --about what the bundle is to explain: a file, digest, study or site.");
  }
  if (options.form.empty() == options.study.empty()) return {};
  return fail(Kind::invalid, "export.study", "--as and --study belong together.",
              "Give both, or neither for an evidence bundle of the whole log.");
}

void add_export(CLI::App& group, Choice& choice) {
  CLI::App* verb = group.add_subcommand(
      "export", "An evidence bundle that is checked without us, or a form of other systems");
  const auto who = std::make_shared<Who>();
  const auto options = std::make_shared<ExportOptions>();
  verb->add_option("folder", options->folder, "A new folder")->required();
  verb->add_option("--about", options->about,
                   "What the bundle explains: a file, digest or record; a study or site where the "
                   "question is about one");
  std::set<std::string> questions;
  for (const Row& row : rows) questions.insert(row.name);
  verb->add_option("--question", options->question, "Which answer it holds; trace if none is named")
      ->check(CLI::IsMember(questions));
  verb->add_option("--as", options->form,
                   "prov, openlineage, ro-crate, fhir, article30, disclosures or evidence-pack");
  verb->add_option("--study", options->study, "Whose records, with --as");
  add_who(*verb, *who);
  verb->footer(
      "Example:\n  cloister audit export bundle --about prediction.nii.gz --home ~/.cloister/aude\n"
      "  cloister-verify bundle\n"
      "  cloister audit export pack --as evidence-pack --study heart-1 --home ~/.cloister/aude");
  verb->callback([&choice, who, options] {
    choice.run = [who, options]() -> Result<Answer> {
      if (auto fits = check_form(*options); !fits) return pass(fits);
      auto seat = take_seat(who->home, who->passphrase);
      if (!seat) return pass(seat);
      // Only a bundle carries cosignatures.
      const Duration wait = options->form.empty() ? wait_for_witnesses : Duration{0};
      auto replica = fetch_ledger(*seat, wait);
      if (!replica) return pass(replica);
      return issue_export(*seat, *replica, *options);
    };
  });
}

}  // namespace

void add_audit(CLI::App& app, Choice& choice) {
  CLI::App* group = app.add_subcommand("audit", "Trace, impact, egress, and evidence for others");
  group->require_subcommand(1);
  for (const Row& row : rows) add_row(*group, choice, row);
  add_verify(*group, choice);
  add_export(*group, choice);
}

}  // namespace cloister::cli
