#include <CLI/CLI.hpp>
#include <memory>

#include "cli/model_card.h"
#include "cli/pilot.h"
#include "cli/plan_fill.h"
#include "cli/plan_template.h"
#include "cli/program.h"
#include "cli/study.h"
#include "cli/study_decide.h"
#include "cli/study_plan.h"

namespace cloister::cli {
namespace {

using About = Result<Answer> (*)(Seat&, const std::string&);

struct Row {
  const char* name;
  const char* help;
  About act;
};
constexpr Row rows[] = {
    {"status", "Each site: what it does, since when, what it waits for, whose move it is",
     study_status},
    {"jobs", "Every job of the study", study_jobs},
    {"history", "What happened to a JOB: who decided what, when, and why it failed", job_history},
};

void add_offline(CLI::App& group, Choice& choice) {
  CLI::App* templ =
      group.add_subcommand("template", "A plan to start from, with every choice explained");
  const auto me = std::make_shared<Who>();
  templ->add_option("--home", me->home,
                    "Your folder: fills in owner, trainer, its key and the sites");
  templ->add_option("--passphrase-file", me->passphrase.file,
                    "File (0600) whose first line opens the key");
  templ->footer(
      "Examples:\n  cloister study template > plan.toml\n"
      "  cloister study template --home ~/.cloister/olivia > plan.toml");
  templ->callback([&choice, me] {
    choice.run = [me]() -> Result<Answer> {
      Answer answer;
      answer.text = plan_template();
      if (!me->home.empty()) {
        auto seat = take_seat(me->home, me->passphrase);
        if (!seat) return pass(seat);
        auto known = roster(*seat);
        if (!known) return pass(known);
        auto sites = sites_told(*seat);
        if (!sites) return pass(sites);
        answer.text = filled_template(*known, seat->membership.member, *sites);
      }
      answer.json.set("toml", answer.text);
      return answer;
    };
  });
  CLI::App* check =
      group.add_subcommand("check", "Every problem of a plan at once, before anyone signs");
  const auto path = std::make_shared<std::filesystem::path>();
  check->add_option("plan", *path, "PLAN.toml")->required();
  check->footer("Example:\n  cloister study check plan.toml");
  check->callback([&choice, path] { choice.run = [path] { return check_plan(*path); }; });
}

void add_open(CLI::App& group, Choice& choice) {
  CLI::App* verb = group.add_subcommand("open", "Sign a plan: the study begins");
  const auto who = std::make_shared<Who>();
  const auto path = std::make_shared<std::filesystem::path>();
  verb->add_option("plan", *path, "PLAN.toml")->required();
  add_who(*verb, *who);
  verb->footer("Example:\n  cloister study open plan.toml --home ~/.cloister/olivia");
  verb->callback([&choice, who, path] {
    choice.run = [who, path]() -> Result<Answer> {
      auto seat = take_seat(who->home, who->passphrase);
      if (!seat) return pass(seat);
      return open_study_file(*seat, *path);
    };
  });
}

void add_report(CLI::App& group, Choice& choice) {
  CLI::App* verb =
      group.add_subcommand("report", "report.json and report.html, from the ledger alone");
  const auto who = std::make_shared<Who>();
  const auto study = std::make_shared<std::string>();
  const auto folder = std::make_shared<std::filesystem::path>();
  verb->add_option("study", *study, "Its id")->required();
  verb->add_option("-o,--output", *folder, "Folder for the two files")->required();
  add_who(*verb, *who);
  verb->footer(
      "Example:\n  cloister study report heart-1 -o heart-1-report --home ~/.cloister/aude");
  verb->callback([&choice, who, study, folder] {
    choice.run = [who, study, folder]() -> Result<Answer> {
      auto seat = take_seat(who->home, who->passphrase);
      if (!seat) return pass(seat);
      return study_report(*seat, *study, *folder);
    };
  });
}

void add_no_retrain(CLI::App& group, Choice& choice) {
  CLI::App* verb = group.add_subcommand(
      "no-retrain", "After a withdrawal: say why no new model replaces what was lost");
  const auto who = std::make_shared<Who>();
  const auto study = std::make_shared<std::string>();
  const auto reason = std::make_shared<std::string>();
  verb->add_option("study", *study, "Its id")->required();
  verb->add_option("--reason", *reason, "Goes into the ledger")->required();
  add_who(*verb, *who);
  verb->footer("Example:\n  cloister study no-retrain heart-1 --reason \"too few sites are left\"");
  verb->callback([&choice, who, study, reason] {
    choice.run = [who, study, reason]() -> Result<Answer> {
      auto seat = take_seat(who->home, who->passphrase);
      if (!seat) return pass(seat);
      return do_without_retrain(*seat, *study, *reason);
    };
  });
}

// Of a worker's pilot: worker/README.md.
const std::vector<std::string> pilot_modes{"study",    "adapted",       "guided",
                                           "backbone", "mask-ceiling",  "local-only",
                                           "paper",    "plaintext-unet"};

void add_preassess(CLI::App& group, Choice& choice) {
  CLI::App* verb = group.add_subcommand(
      "preassess", "Pilot a plan and map every privacy indicator to its clause and its party");
  const auto options = std::make_shared<PreassessOptions>();
  verb->add_option("plan", options->plan, "PLAN.toml")->required();
  verb->add_option("-o,--output", options->output, "Folder for the page and its JSON")->required();
  verb->add_option("--data", options->data,
                   "Folder with one sub-folder a site; else phantoms made for the pilot");
  verb->add_option("--patients", options->patients_max,
                   "At most so many patients of each site and split; 0: all");
  add_device(*verb, options->device, "Where the pilot computes");
  verb->add_option("--modes", options->modes, "What is tried; the gate judges the study")
      ->delimiter(',')
      ->check(CLI::IsMember(pilot_modes))
      ->capture_default_str();
  verb->footer(
      "Examples:\n  cloister study preassess plan.toml -o pilot\n"
      "  cloister study preassess plan.toml -o baselines --data DIR --modes paper,plaintext-unet");
  verb->callback([&choice, options] {
    choice.run = [&choice, options] {
      options->json = choice.json;
      return preassess(*options);
    };
  });
}

void add_compare(CLI::App& group, Choice& choice) {
  CLI::App* verb =
      group.add_subcommand("compare", "Studies, modes and baselines side by side, from the ledger");
  const auto who = std::make_shared<Who>();
  const auto studies = std::make_shared<std::vector<std::string>>();
  verb->add_option("studies", *studies, "Their ids")->required();
  add_who(*verb, *who);
  verb->footer("Example:\n  cloister study compare heart-1 heart-paper");
  verb->callback([&choice, who, studies] {
    choice.run = [who, studies]() -> Result<Answer> {
      auto seat = take_seat(who->home, who->passphrase);
      if (!seat) return pass(seat);
      return compare_studies(*seat, *studies);
    };
  });
}

void add_list(CLI::App& group, Choice& choice) {
  CLI::App* verb = group.add_subcommand("list", "Every study that you may see");
  const auto who = std::make_shared<Who>();
  add_who(*verb, *who);
  verb->footer("Example:\n  cloister study list --home ~/.cloister/olivia");
  verb->callback([&choice, who] {
    choice.run = [who]() -> Result<Answer> {
      auto seat = take_seat(who->home, who->passphrase);
      if (!seat) return pass(seat);
      return study_list(*seat);
    };
  });
}

void add_model_card(CLI::App& group, Choice& choice) {
  CLI::App* verb = group.add_subcommand(
      "model-card", "Card of the newest model, a page for each ethics board, and its export");
  const auto who = std::make_shared<Who>();
  const auto options = std::make_shared<ModelCardOptions>();
  verb->add_option("study", options->study, "Its id")->required();
  verb->add_option("-o,--output", options->folder, "Folder for the files")->required();
  verb->add_option(
      "--trainer", options->trainer_home,
      "Home of the trainer on this machine: exports the network too, as safetensors and ONNX");
  add_who(*verb, *who);
  verb->footer(
      "Example:\n  cloister study model-card heart-1 -o card --trainer /var/lib/cloister-trainer");
  verb->callback([&choice, who, options] {
    choice.run = [who, options]() -> Result<Answer> {
      auto seat = take_seat(who->home, who->passphrase);
      if (!seat) return pass(seat);
      return model_card(*seat, *options);
    };
  });
}

void add_amend(CLI::App& group, Choice& choice) {
  CLI::App* verb = group.add_subcommand(
      "amend", "Sign the next version of a plan: says what changes, and sites approve again");
  const auto who = std::make_shared<Who>();
  const auto path = std::make_shared<std::filesystem::path>();
  verb->add_option("plan", *path, "PLAN.toml, changed")->required();
  add_who(*verb, *who);
  verb->footer("Example:\n  cloister study amend plan.toml --home ~/.cloister/olivia");
  verb->callback([&choice, who, path] {
    choice.run = [who, path]() -> Result<Answer> {
      auto seat = take_seat(who->home, who->passphrase);
      if (!seat) return pass(seat);
      return amend_study(*seat, *path);
    };
  });
}

void add_release(CLI::App& group, Choice& choice) {
  CLI::App* verb = group.add_subcommand(
      "release", "Release the newest model after the sites' approvals and the membership test");
  const auto who = std::make_shared<Who>();
  const auto study = std::make_shared<std::string>();
  const auto reason = std::make_shared<std::string>();
  verb->add_option("study", *study, "Its id")->required();
  verb->add_option("--reason", *reason,
                   "Needed where membership of training patients shows; goes into the ledger");
  add_who(*verb, *who);
  verb->footer("Example:\n  cloister study release heart-1");
  verb->callback([&choice, who, study, reason] {
    choice.run = [who, study, reason]() -> Result<Answer> {
      auto seat = take_seat(who->home, who->passphrase);
      if (!seat) return pass(seat);
      return release_model(*seat, *study, *reason);
    };
  });
}

using WithReason = Result<Answer> (*)(Seat&, const std::string&, const std::string&);
struct ReasonRow {
  const char* name;
  const char* help;
  const char* argument;
  const char* example;
  WithReason act;
};
constexpr ReasonRow reason_rows[] = {
    {"abort", "Give any job of the study up", "JOB", "heart-1-site-a-encode-1",
     [](Seat& seat, const std::string& what, const std::string& reason) {
       return study_decide(seat, what, {"abort", reason});
     }},
    {"hold", "Stop any job of the study for now; it keeps what it did", "JOB",
     "heart-1-pool-train-segmentation-1",
     [](Seat& seat, const std::string& what, const std::string& reason) {
       return study_decide(seat, what, {"hold", reason});
     }},
    {"resume", "Go on with a held job of the trainer", "JOB", "heart-1-pool-train-segmentation-1",
     [](Seat& seat, const std::string& what, const std::string& reason) {
       return study_decide(seat, what, {"resume", reason});
     }},
    {"retry", "Try a failed or aborted job of the trainer again", "JOB",
     "heart-1-pool-train-segmentation-1",
     [](Seat& seat, const std::string& what, const std::string& reason) {
       return study_decide(seat, what, {"retry", reason});
     }},
    {"close", "End the study: open jobs are aborted, nothing new is offered", "STUDY", "heart-1",
     close_study},
};

void add_reason_row(CLI::App& group, Choice& choice, const ReasonRow& row) {
  CLI::App* verb = group.add_subcommand(row.name, row.help);
  const auto who = std::make_shared<Who>();
  const auto what = std::make_shared<std::string>();
  const auto reason = std::make_shared<std::string>();
  verb->add_option(row.argument, *what, "Its id")->required();
  verb->add_option("--reason", *reason, "Goes into the ledger");
  add_who(*verb, *who);
  verb->footer(std::string("Example:\n  cloister study ") + row.name + " " + row.example +
               " --reason \"...\" --home ~/.cloister/olivia");
  verb->callback([&choice, who, what, reason, act = row.act] {
    choice.run = [who, what, reason, act]() -> Result<Answer> {
      auto seat = take_seat(who->home, who->passphrase);
      if (!seat) return pass(seat);
      return act(*seat, *what, *reason);
    };
  });
}

void add_watch(CLI::App& group, Choice& choice) {
  CLI::App* verb = group.add_subcommand(
      "watch", "Live progress until the study is released; --json: a line for each change");
  const auto who = std::make_shared<Who>();
  const auto study = std::make_shared<std::string>();
  verb->add_option("study", *study, "Its id")->required();
  add_who(*verb, *who);
  verb->footer("Example:\n  cloister study watch heart-1");
  verb->callback([&choice, who, study] {
    choice.run = [&choice, who, study]() -> Result<Answer> {
      auto seat = take_seat(who->home, who->passphrase);
      if (!seat) return pass(seat);
      return watch_study(*seat, *study, choice.json);
    };
  });
}

void add_row(CLI::App& group, Choice& choice, const Row& row) {
  CLI::App* verb = group.add_subcommand(row.name, row.help);
  const auto who = std::make_shared<Who>();
  const auto study = std::make_shared<std::string>();
  const bool of_job = std::string_view(row.name) == "history";
  verb->add_option(of_job ? "job" : "study", *study, "Its id")->required();
  if (of_job)
    verb->alias("logs");  // the owner's side of it: what a worker prints stays at its site
  add_who(*verb, *who);
  verb->footer(std::string("Example:\n  cloister study ") + row.name +
               (of_job ? " heart-1-site-a-encode-1" : " heart-1"));
  verb->callback([&choice, who, study, act = row.act] {
    choice.run = [who, study, act]() -> Result<Answer> {
      auto seat = take_seat(who->home, who->passphrase);
      if (!seat) return pass(seat);
      return act(*seat, *study);
    };
  });
}

}  // namespace

void add_study(CLI::App& app, Choice& choice) {
  CLI::App* group = app.add_subcommand("study", "Plan, open, watch and release a study");
  group->require_subcommand(1);
  add_offline(*group, choice);
  add_open(*group, choice);
  add_report(*group, choice);
  add_no_retrain(*group, choice);
  add_preassess(*group, choice);
  add_compare(*group, choice);
  add_model_card(*group, choice);
  add_release(*group, choice);
  add_list(*group, choice);
  add_amend(*group, choice);
  add_watch(*group, choice);
  for (const Row& row : rows) add_row(*group, choice, row);
  for (const ReasonRow& row : reason_rows) add_reason_row(*group, choice, row);
}

}  // namespace cloister::cli
