#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "base/file.h"
#include "cli/consortium.h"
#include "cli/consortium_init.h"
#include "cli/program.h"
#include "cli/rotate.h"

namespace cloister::cli {
namespace {

// Opens the home of whoever asks, then does it.
template <class Do>
Verb seated(std::shared_ptr<Who> who, Do act) {
  return [who, act]() -> Result<Answer> {
    auto seat = take_seat(who->home, who->passphrase);
    if (!seat) return pass(seat);
    return act(*seat);
  };
}

void add_init(CLI::App& group, Choice& choice) {
  CLI::App* verb =
      group.add_subcommand("init", "Found a consortium: root key, coordinator, trainer");
  const auto options = std::make_shared<InitOptions>();
  verb->add_option("folder", options->folder, "Gets root/, coordinator/ and trainer/")->required();
  verb->add_option("--name", options->name, "Name of the consortium")->required();
  verb->add_option("--members", options->members, "host:port where members will dial")
      ->capture_default_str();
  verb->add_option("--enrolment", options->enrolment, "host:port where newcomers will dial")
      ->capture_default_str();
  verb->add_option("--worker", options->worker, "Worker program of the trainer")
      ->capture_default_str();
  add_device(*verb, options->device, "Where the trainer computes");
  verb->add_option("--passphrase-file", options->root_passphrase.file,
                   "File (0600) with the root key's passphrase; else the terminal asks");
  verb->add_flag("--fast-keys-for-tests-only", options->root_passphrase.fast_for_tests_only,
                 "Cheap key files: never for real keys");
  verb->footer(
      "Example:\n  cloister consortium init heart-consortium --name heart --members "
      "coord.example.org:7010 --enrolment coord.example.org:7011");
  verb->callback(
      [&choice, options] { choice.run = [options] { return init_consortium(*options); }; });
}

void add_invite(CLI::App& group, Choice& choice) {
  CLI::App* verb =
      group.add_subcommand("invite", "A one-time token for a site's agent or a person");
  const auto who = std::make_shared<Who>();
  const auto options = std::make_shared<InviteOptions>();
  verb->add_option("who", options->who, "A site, or with --role the name of a person")->required();
  verb->add_option("--role", options->role,
                   "site-agent (default), consortium-admin, study-owner, site-admin, site-steward, "
                   "auditor");
  verb->add_option("--site", options->site, "Site of a site-admin or site-steward");
  verb->add_option("--token-file", options->token_file,
                   "Write the token there instead of printing it");
  add_who(*verb, *who);
  verb->footer(
      "Examples:\n  cloister consortium invite site-a --home heart-consortium/root\n"
      "  cloister consortium invite sam --role site-steward --site site-a --home "
      "heart-consortium/root");
  verb->callback([&choice, who, options] {
    choice.run = seated(who, [options](Seat& seat) { return invite_told(seat, *options); });
  });
}

void add_approve(CLI::App& group, Choice& choice) {
  CLI::App* verb = group.add_subcommand("approve", "Sign the keys of a newcomer");
  const auto who = std::make_shared<Who>();
  const auto options = std::make_shared<ApproveOptions>();
  const auto member = std::make_shared<std::string>();
  verb->add_option("member", *member, "As `cloister consortium pending` names it")->required();
  verb->add_option("--fingerprint", options->fingerprint,
                   "As the newcomer's screen shows it; compare it by telephone");
  verb->add_flag("--yes", options->unseen, "Without comparing: only where one machine plays both");
  add_who(*verb, *who);
  verb->footer(
      "Example:\n  cloister consortium approve site-a-agent --fingerprint \"1f3a 99c0 ...\" --home "
      "heart-consortium/root");
  verb->callback([&choice, who, options, member] {
    choice.run = seated(who, [options, member](Seat& seat) -> Result<Answer> {
      auto id = MemberId::parse(*member);
      if (!id) return pass(id);
      options->member = *id;
      return approve_member(seat, *options);
    });
  });
}

void add_revoke(CLI::App& group, Choice& choice) {
  CLI::App* verb = group.add_subcommand("revoke", "End a member's key; nobody else is disturbed");
  const auto who = std::make_shared<Who>();
  const auto member = std::make_shared<std::string>();
  const auto reason = std::make_shared<std::string>();
  verb->add_option("member", *member)->required();
  verb->add_option("--reason", *reason, "Goes into the ledger")->required();
  add_who(*verb, *who);
  verb->footer("Example:\n  cloister consortium revoke sam --reason \"left the hospital\"");
  verb->callback([&choice, who, member, reason] {
    choice.run = seated(who, [member, reason](Seat& seat) -> Result<Answer> {
      auto id = MemberId::parse(*member);
      if (!id) return pass(id);
      return revoke(seat, *id, *reason);
    });
  });
}

void add_lists(CLI::App& group, Choice& choice) {
  const auto add = [&](const char* name, const char* help, Result<Answer> (*act)(Seat&)) {
    CLI::App* verb = group.add_subcommand(name, help);
    const auto who = std::make_shared<Who>();
    add_who(*verb, *who);
    verb->footer(std::string("Example:\n  cloister consortium ") + name +
                 " --home heart-consortium/root");
    verb->callback([&choice, who, act] { choice.run = seated(who, act); });
  };
  add("pending", "Who waits for approval, with fingerprints", pending);
  add("members", "Who belongs to the consortium", members);
}

// While the newcomer waits: this is what the telephone call is about.
void say_fingerprint(const Token& token, const crypto::PublicKey& key) {
  fmt::print(stderr,
             "Keys for '{}' are made, here. Their fingerprint is\n\n    {}\n\n"
             "Read it out to the consortium by telephone; they type it in to approve you. Waiting "
             "...\n",
             token.member, crypto::fingerprint(key));
}

void add_policy(CLI::App& group, Choice& choice) {
  CLI::App* verb = group.add_subcommand("policy", "How many people approve a member's keys");
  const auto who = std::make_shared<Who>();
  const auto approvals = std::make_shared<unsigned>(1);
  verb->add_option("--approvals", *approvals, "1 to 16")->required()->check(CLI::Range(1, 16));
  add_who(*verb, *who);
  verb->footer("Example:\n  cloister consortium policy --approvals 2 --home heart-consortium/root");
  verb->callback([&choice, who, approvals] {
    choice.run = seated(who, [approvals](Seat& seat) { return set_approvals(seat, *approvals); });
  });
}

Result<std::string> token_text(const std::string& given) {
  if (!given.starts_with('@')) return given;
  return read_text(given.substr(1), 8192);
}

}  // namespace

void add_rotate(CLI::App& group, Choice& choice, KeysOf whose) {
  struct Words {
    const char *help, *folder, *environment, *example;
  };
  constexpr Words words_of[] = {{"New keys for you", "--home", "CLOISTER_HOME", "~/.cloister/sam"},
                                {"New keys for this site's agent, without a restart", "--agent",
                                 "CLOISTER_AGENT", "/var/lib/cloister"},
                                {"New keys for the trainer, without a restart", "--trainer",
                                 "CLOISTER_TRAINER", "/var/lib/cloister/trainer"}};
  const Words& words = words_of[static_cast<std::size_t>(whose)];
  CLI::App* verb = group.add_subcommand("rotate", words.help);
  const auto options = std::make_shared<RotateOptions>();
  const auto seconds = std::make_shared<int>(900);
  verb->add_option("token", options->token, "A token for this member, or @FILE")->required();
  verb->add_option(words.folder, options->home, "Folder of the keys")
      ->envname(words.environment)
      ->required();
  verb->add_option("--wait", *seconds, "Seconds to wait for the approval; 0 asks once")
      ->capture_default_str();
  verb->add_option("--passphrase-file", options->passphrase.file,
                   "File (0600) with the passphrase");
  verb->add_flag("--fast-keys-for-tests-only", options->passphrase.fast_for_tests_only,
                 "Cheap key files: never for real keys");
  verb->footer(fmt::format("Example:\n  cloister {} rotate cloister1-eyJj... {} {}",
                           group.get_name(), words.folder, words.example));
  verb->callback([&choice, options, seconds, whose] {
    choice.run = [options, seconds, whose]() -> Result<Answer> {
      options->wait = Duration(std::int64_t{1000} * *seconds);
      auto text = token_text(options->token);
      if (!text) return pass(text);
      options->token = std::move(*text);
      options->announce = say_fingerprint;
      return whose == KeysOf::person ? rotate_person(*options) : rotate_process(*options);
    };
  });
}

void add_join(CLI::App& group, Choice& choice, const char* name, const char* help) {
  CLI::App* verb = group.add_subcommand(name, help);
  const auto options = std::make_shared<JoinOptions>();
  const auto seconds = std::make_shared<int>(900);
  verb->add_option("token", options->token, "The token, or @FILE")->required();
  verb->add_option("--home", options->home, "Folder for keys and configuration")->required();
  verb->add_option("--data", options->policy.data, "An agent's data folder, for its policy.toml");
  verb->add_option("--worker", options->worker, "An agent's worker program")->capture_default_str();
  add_device(*verb, options->device, "Where an agent's worker computes");
  verb->add_option("--wait", *seconds, "Seconds to wait for the approval; 0 asks once")
      ->capture_default_str();
  verb->add_option("--passphrase-file", options->passphrase.file,
                   "File (0600) with the passphrase of a person's new key");
  verb->add_flag("--fast-keys-for-tests-only", options->passphrase.fast_for_tests_only,
                 "Cheap key files: never for real keys");
  verb->footer(std::string("Example:\n  cloister ") + group.get_name() + " " + name +
               " cloister1-eyJj... --home /var/lib/cloister");
  options->joins_agent = std::string(name) == "enrol";
  verb->callback([&choice, options, seconds] {
    choice.run = [options, seconds]() -> Result<Answer> {
      options->wait = Duration(std::int64_t{1000} * *seconds);
      options->announce = say_fingerprint;
      if (options->token.starts_with('@')) {
        auto text = read_text(options->token.substr(1), 8192);
        if (!text) return pass(text);
        options->token = *text;
      }
      return join(*options);
    };
  });
}

void add_consortium(CLI::App& app, Choice& choice) {
  CLI::App* group = app.add_subcommand("consortium", "Found a consortium; invite, approve, revoke");
  group->require_subcommand(1);
  add_init(*group, choice);
  add_invite(*group, choice);
  add_join(*group, choice, "join", "Make your own key with a token (people)");
  add_lists(*group, choice);
  add_approve(*group, choice);
  add_revoke(*group, choice);
  add_rotate(*group, choice, KeysOf::person);
  add_policy(*group, choice);
}

}  // namespace cloister::cli
