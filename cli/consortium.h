// Verbs of the consortium's people: invite, approve, revoke, and joining as the one invited.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "cli/answer.h"
#include "cli/line.h"
#include "cli/policy_template.h"
#include "cli/token.h"

namespace cloister::cli {

struct InviteOptions {
  std::string who;         // a site ("site-a": its agent) or a person
  std::string role;        // empty: site-agent
  std::string site;        // of a person of a site; of an agent: `who`
  std::string token_file;  // empty: the token is printed
};
[[nodiscard]] Result<Token> invite(Seat& seat, const InviteOptions& options);
[[nodiscard]] Result<Answer> invite_told(Seat& seat, const InviteOptions& options);
// The agent of "site-a" is the member "site-a-agent".
[[nodiscard]] MemberId agent_of(const std::string& site);

[[nodiscard]] Result<Answer> pending(Seat& seat);

struct ApproveOptions {
  MemberId member;
  std::string fingerprint;  // as read out by the newcomer; empty with `unseen`
  bool unseen = false;      // --yes: for machines that play both sides
};
[[nodiscard]] Result<Answer> approve_member(Seat& seat, const ApproveOptions& options);
[[nodiscard]] Result<Answer> members(Seat& seat);
// How many people of the consortium must approve a member's keys. Fewer than now: as many people as
// now run the same command.
[[nodiscard]] Result<Answer> set_approvals(Seat& seat, unsigned approvals);
[[nodiscard]] Result<Answer> revoke(Seat& seat, const MemberId& member, const std::string& reason);

struct JoinOptions {
  std::string token;
  std::optional<bool> joins_agent;  // whom the verb is for; none: whoever the token names
  std::filesystem::path home;
  PassphraseSource passphrase;  // of a person's key file
  std::string worker = "cloister-worker";
  std::string device = "cpu";  // of the worker
  PolicyChoices policy;        // of an agent
  Duration wait{15 * 60'000};  // for the approval; zero: ask once
  // Called once the coordinator has the request and people must compare fingerprints.
  std::function<void(const Token& token, const crypto::PublicKey& key)> announce;
};
// The newcomer's side. Repeating it goes on where it stopped: keys are made once. "enrol.verb" for
// a token of somebody else's verb, "enrol.done" in the home of a member.
[[nodiscard]] Result<Answer> join(const JoinOptions& options);

}  // namespace cloister::cli
