#include <CLI/CLI.hpp>
#include <memory>

#include "cli/preflight.h"
#include "cli/program.h"
#include "cli/site.h"
#include "cli/site_logs.h"
#include "cli/site_report.h"
#include "cli/trainer.h"

namespace cloister::cli {
namespace {

// What every verb of a site takes; `home` only where a person signs.
struct AtSite {
  std::filesystem::path agent;
  Who who;
  std::string what;
  std::string reason;
  std::string model;
  std::vector<std::string> indicators;
};
using Given = std::shared_ptr<AtSite>;

void add_agent(CLI::App& verb, AtSite& at) {
  verb.add_option("--agent", at.agent, "The agent's folder")->envname("CLOISTER_AGENT")->required();
}

using Look = Result<Answer> (*)(AgentLine&, const AtSite&);
using Sign = Result<Answer> (*)(AgentLine&, const SitePerson&, const AtSite&);

Verb looking(Given at, Look look) {
  return [at, look]() -> Result<Answer> {
    auto agent = AgentLine::open(at->agent);
    if (!agent) return pass(agent);
    return look(*agent, *at);
  };
}

Verb signing(Given at, Sign act) {
  return [at, act]() -> Result<Answer> {
    auto person = open_person(at->who.home, at->who.passphrase);
    if (!person) return pass(person);
    auto agent = AgentLine::open(at->agent);
    if (!agent) return pass(agent);
    return act(*agent, *person, *at);
  };
}

void add_look(CLI::App& group, Choice& choice, const char* name, const char* help,
              const char* argument, Look look) {
  CLI::App* verb = group.add_subcommand(name, help);
  const auto at = std::make_shared<AtSite>();
  if (argument != nullptr) verb->add_option(argument, at->what)->required();
  add_agent(*verb, *at);
  verb->footer(std::string("Example:\n  cloister site ") + name +
               (argument == nullptr ? "" : std::string(" ") + argument) +
               " --agent /var/lib/cloister");
  verb->callback([&choice, at, look] { choice.run = looking(at, look); });
}

void add_sign(CLI::App& group, Choice& choice, const char* name, const char* help,
              const char* argument, Sign act) {
  CLI::App* verb = group.add_subcommand(name, help);
  const auto at = std::make_shared<AtSite>();
  verb->add_option(argument, at->what)->required();
  verb->add_option("--reason", at->reason, "Goes into the ledger");
  if (std::string(name) == "exception") {
    verb->add_option("--indicator", at->indicators, "Only these; else all that did not pass");
    verb->add_option("--model", at->model,
                     "Digest of a network whose training patients can be recognised by its "
                     "behaviour: let that be released");
  }
  if (std::string(name) == "accept-model") {
    verb->add_option("--model", at->model,
                     "Digest of the network, all 64 digits; else the one that this site evaluated");
  }
  if (std::string(name) == "withdraw") {
    verb->add_option("--digest", at->indicators, "Only this; else all of the study's data here");
  }
  add_agent(*verb, *at);
  add_who(*verb, at->who);
  verb->footer(std::string("Example:\n  cloister site ") + name + " " + argument +
               " --agent /var/lib/cloister --home ~/.cloister/sam");
  verb->callback([&choice, at, act] { choice.run = signing(at, act); });
}

struct DecisionRow {
  const char* word;
  const char* help;
};
constexpr DecisionRow decisions[] = {{"approve", "Let a job run"},
                                     {"deny", "Refuse a job"},
                                     {"hold", "Stop a job for now; it keeps what it did"},
                                     {"resume", "Go on with a held job"},
                                     {"retry", "Try a failed job again"},
                                     {"abort", "Give a job up for good"}};

void add_decision(CLI::App& group, Choice& choice, const DecisionRow& row) {
  CLI::App* verb = group.add_subcommand(row.word, row.help);
  const auto at = std::make_shared<AtSite>();
  verb->add_option("JOB", at->what)->required();
  verb->add_option("--reason", at->reason, "Goes into the ledger");
  add_agent(*verb, *at);
  add_who(*verb, at->who);
  verb->footer(std::string("Example:\n  cloister site ") + row.word +
               " heart-1-site-a-encode-1 --agent /var/lib/cloister --home ~/.cloister/sam");
  verb->callback([&choice, at, word = std::string(row.word)] {
    choice.run = [at, word]() -> Result<Answer> {
      auto person = open_person(at->who.home, at->who.passphrase);
      if (!person) return pass(person);
      auto agent = AgentLine::open(at->agent);
      if (!agent) return pass(agent);
      return site_decide(*agent, *person, at->what, {word, at->reason});
    };
  });
}

void add_looks(CLI::App& group, Choice& choice) {
  add_look(group, choice, "status", "The agent: connection, policy, what it does", nullptr,
           [](AgentLine& agent, const AtSite&) { return site_status(agent); });
  add_look(group, choice, "jobs", "Jobs offered to this site, with live progress", nullptr,
           [](AgentLine& agent, const AtSite&) { return site_jobs(agent); });
  add_look(group, choice, "show", "What a job is, in words, and everything it cites", "JOB",
           [](AgentLine& agent, const AtSite& at) { return site_show(agent, at.what); });
  add_look(group, choice, "preview", "Exactly what would leave, before anyone signs", "STUDY",
           [](AgentLine& agent, const AtSite& at) { return site_preview(agent, at.what); });
  add_look(group, choice, "egress", "Every byte that ever left", nullptr,
           [](AgentLine& agent, const AtSite&) { return site_egress(agent); });
}

void add_confirm(CLI::App& group, Choice& choice) {
  CLI::App* verb = group.add_subcommand(
      "confirm", "Let a halted agent go on, after a person has looked into it");
  const auto at = std::make_shared<AtSite>();
  const auto sure = std::make_shared<bool>(false);
  verb->add_flag("--sure", *sure, "Heads were compared and no copy of the agent runs");
  add_agent(*verb, *at);
  verb->footer("Example:\n  cloister site confirm --agent /var/lib/cloister");
  verb->callback([&choice, at, sure] {
    choice.run = [at, sure]() -> Result<Answer> {
      auto agent = AgentLine::open(at->agent);
      if (!agent) return pass(agent);
      return confirm_process(*agent, ProcessKind::agent, *sure);
    };
  });
}

void add_signs(CLI::App& group, Choice& choice) {
  for (const DecisionRow& row : decisions) add_decision(group, choice, row);
  add_sign(group, choice, "exception",
           "Let codes out although the gate did not pass, or a network although its test failed",
           "STUDY",
           [](AgentLine& agent, const SitePerson& person, const AtSite& at) -> Result<Answer> {
             const ExceptionOptions asked{at.what, at.indicators, at.reason};
             if (at.model.empty()) return site_exception(agent, person, asked);
             auto model = digest_from_hex(at.model);
             if (!model) return pass(model);
             return site_model_exception(agent, person, {asked, *model});
           });
  add_sign(group, choice, "release-decoder",
           "Guided studies: let the trainer have this site's mask decoder", "STUDY",
           [](AgentLine& agent, const SitePerson& person, const AtSite& at) {
             return site_release_decoder(agent, person, at.what, at.reason);
           });
  add_sign(group, choice, "release", "Let this site's encoded dataset leave", "STUDY",
           [](AgentLine& agent, const SitePerson& person, const AtSite& at) {
             return site_release(agent, person, at.what, at.reason);
           });
  add_sign(group, choice, "standing", "Let codes of single images out for predictions", "STUDY",
           [](AgentLine& agent, const SitePerson& person, const AtSite& at) {
             return site_standing(agent, person, at.what, at.reason);
           });
  add_sign(group, choice, "accept-model", "Agree to the release of the shared network", "STUDY",
           [](AgentLine& agent, const SitePerson& person, const AtSite& at) -> Result<Answer> {
             auto model =
                 at.model.empty() ? evaluated_model(agent, at.what) : digest_from_hex(at.model);
             if (!model) return pass(model);
             return site_accept_model(agent, person, at.what, *model);
           });
  add_sign(group, choice, "withdraw",
           "Take this site's data back: what was made from them is quarantined", "STUDY",
           [](AgentLine& agent, const SitePerson& person, const AtSite& at) {
             return site_withdraw(agent, person, {at.what, at.indicators, at.reason});
           });
  add_sign(group, choice, "publish-policy", "Sign the site's policy: from then on it approves",
           "FILE", [](AgentLine&, const SitePerson& person, const AtSite& at) {
             return site_publish_policy(at.agent, person, at.what);
           });
}

}  // namespace

void add_site(CLI::App& app, Choice& choice) {
  CLI::App* group = app.add_subcommand("site", "Enrol a site; see, approve, deny, release");
  group->require_subcommand(1);
  add_join(*group, choice, "enrol", "Make this site's agent a member, with a token");
  add_rotate(*group, choice, KeysOf::agent);
  add_looks(*group, choice);
  add_confirm(*group, choice);
  add_signs(*group, choice);
  add_site_report(*group, choice);
  add_site_logs(*group, choice);
  add_preflight(*group, choice);
}

void add_predict(CLI::App& app, Choice& choice) {
  CLI::App* verb =
      app.add_subcommand("predict", "Segment one volume: encode here, predict, decode here");
  const auto agent = std::make_shared<std::filesystem::path>();
  const auto options = std::make_shared<PredictOptions>();
  verb->add_option("image", options->image, "IMAGE.nii.gz")->required();
  verb->add_option("-o,--output", options->output, "Where the mask goes")->required();
  verb->add_option("--study", options->study, "Where several have a released network");
  verb->add_option("--agent,--site-home", *agent, "The agent's folder")
      ->envname("CLOISTER_AGENT")
      ->required();
  verb->footer("Example:\n  cloister predict new.nii.gz -o mask.nii.gz --agent /var/lib/cloister");
  verb->callback([&choice, agent, options] {
    choice.run = [agent, options]() -> Result<Answer> {
      auto line = AgentLine::open(*agent);
      if (!line) return pass(line);
      return predict(*line, *options);
    };
  });
}

}  // namespace cloister::cli
