// The newcomer's side of enrolment: keys are made here, their proof goes out, the membership comes
// back, and is believed only as far as the root key of the token vouches for it.

#include "base/file.h"
#include "cli/consortium.h"
#include "cli/enrolling.h"
#include "cli/policy_template.h"

namespace cloister::cli {
namespace {

std::string key_file_name(const Token& token) {
  return protocol::is_person(token.role) ? token.member.text() + ".key" : "identity.key";
}

tl::unexpected<Error> wrong_verb(const Token& token) {
  const bool is_agent = token.role == protocol::Role::site_agent;
  return fail(
      Kind::invalid, "enrol.verb",
      fmt::format("The token is for '{}' ({}).", token.member, protocol::to_string(token.role)),
      is_agent ? "An agent joins with `cloister site enrol`, on the machine beside the data."
               : "People and trainers join with `cloister consortium join`.");
}

tl::unexpected<Error> is_member_here(const std::filesystem::path& home, const Token& token) {
  const bool is_agent = token.role == protocol::Role::site_agent;
  return fail(Kind::conflict, "enrol.done",
              fmt::format("{} is the home of a member already.", home.string()),
              is_agent
                  ? "Start cloister-agent with it; for new keys: cloister site rotate. Another "
                    "agent needs a folder of its own."
                  : "Use it; for new keys: cloister consortium rotate. Somebody else needs a "
                    "folder of their own.");
}

// Keys are made once. The same token goes on with them; so does another one for the same member
// (the first may have run out) as long as nobody approved them.
Result<crypto::Identity> keys_here(const JoinOptions& options, const Token& token) {
  const auto key_file = options.home / key_file_name(token);
  const auto note = options.home / "enrolment.token";
  std::error_code ignored;
  const bool is_person = protocol::is_person(token.role);
  if (std::filesystem::exists(options.home / "membership.json", ignored))
    return is_member_here(options.home, token);
  const auto known = crypto::read_public_identity(key_file);
  if (known && known->id == token.member) {
    if (auto noted = write_text(note, to_text(token), FileMode::owner_only); !noted)
      return pass(noted);
    PassphraseSource source = options.passphrase;
    if (!is_person) source.file = options.home / "passphrase";
    return open_key(key_file, source);
  }
  crypto::PublicIdentity who;
  who.id = token.member;
  who.role = is_person ? "person" : "site";
  auto made =
      is_person ? make_key(key_file, who, options.passphrase) : make_process_key(options.home, who);
  if (!made) return made;
  if (auto noted = write_text(note, to_text(token), FileMode::owner_only); !noted)
    return pass(noted);
  return made;
}

Result<void> write_home(const JoinOptions& options, const Token& token,
                        const protocol::EnrolmentState& state) {
  MembershipFile file{token.consortium, token.log,  token.root,        token.member,
                      token.role,       token.site, token.coordinator, state.membership};
  if (protocol::is_person(token.role)) {
    const PersonConnection connection{token.members, token.enrolment, key_file_name(token)};
    if (auto saved = save_connection(options.home, connection); !saved) return saved;
  } else {
    const bool agent = token.role == protocol::Role::site_agent;
    const ProcessConfig config{agent ? "agent.toml" : "trainer.toml", token.members, options.worker,
                               agent, options.device};
    if (auto saved = save_process_config(options.home, config); !saved) return saved;
    const auto policy = options.home / "policy.toml";
    std::error_code ignored;
    if (agent && !std::filesystem::exists(policy, ignored)) {
      PolicyChoices choices =
          options.policy;  // a path is given as seen from here, not from the home
      if (!choices.data.empty()) choices.data = std::filesystem::absolute(choices.data, ignored);
      if (auto saved = write_text(policy, policy_template(choices)); !saved) return saved;
    }
  }
  if (auto saved = save_membership(options.home / "membership.json", file); !saved) return saved;
  std::error_code ignored;
  std::filesystem::remove(options.home / "enrolment.token", ignored);
  return {};
}

Answer told(const JoinOptions& options, const Token& token, const crypto::Identity& identity,
            const protocol::EnrolmentState& state) {
  Answer answer;
  const std::string print = crypto::fingerprint(identity.sign.public_key());
  const std::string home = options.home.string();
  const bool in = state.step == protocol::EnrolmentState::Step::enrolled;
  answer.json.set("member", token.member.text())
      .set("role", protocol::to_string(token.role))
      .set("site", token.site)
      .set("fingerprint", print)
      .set("home", home)
      .set("enrolled", in);
  if (!in) {
    answer.text = fmt::format(
        "Keys for '{}' are in {}.\n  fingerprint  {}\n{}\nRun the same command again to go on.\n",
        token.member, home, print, state.note);
    return answer;
  }
  answer.text = fmt::format("'{}' is enrolled in '{}'.\n  fingerprint  {}\n", token.member,
                            token.consortium, print);
  if (token.role == protocol::Role::site_agent) {
    answer.text += fmt::format(
        "Next: read {0}/policy.toml and name the data folder there, then start\n"
        "  cloister-agent --config {0}/agent.toml\n",
        home);
  }
  return answer;
}

}  // namespace

Result<Answer> join(const JoinOptions& options) {
  auto token = token_from_text(options.token);
  if (!token) return pass(token);
  const bool is_agent = token->role == protocol::Role::site_agent;
  if (options.joins_agent && *options.joins_agent != is_agent) return wrong_verb(*token);
  if (auto made = make_folder(options.home); !made) return pass(made);
  auto identity = keys_here(options, *token);
  if (!identity) return pass(identity);
  const protocol::Enrol enrol = request_of(*token, *identity);
  crypto::Identity dialling{identity->id, identity->role, identity->sign.clone(),
                            identity->seal.clone(), identity->curve.clone()};
  auto line = Line::open(std::move(dialling),
                         {token->enrolment, token->coordinator, transport::Line::enrolment});
  if (!line) return pass(line);
  auto state = wait_for_approval(**line, enrol, Duration{0});
  const auto waiting = protocol::EnrolmentState::Step::waiting_for_approval;
  if (state && state->step == waiting && options.wait > Duration{0}) {
    if (options.announce) options.announce(*token, identity->sign.public_key());
    state = wait_for_approval(**line, enrol, options.wait);
  }
  if (!state) return pass(state);
  if (state->step == protocol::EnrolmentState::Step::refused) {
    return fail(Kind::forbidden, "enrol.refused",
                fmt::format("The consortium refused '{}': {}", token->member, state->note),
                "Ask the consortium why; a new token is needed.");
  }
  if (state->step == protocol::EnrolmentState::Step::enrolled) {
    if (auto good = check_membership(*token, *identity, state->membership); !good)
      return pass(good);
    if (auto written = write_home(options, *token, *state); !written) return pass(written);
  }
  return told(options, *token, *identity, *state);
}

}  // namespace cloister::cli
