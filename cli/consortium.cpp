#include "cli/consortium.h"

#include <algorithm>

#include "base/file.h"
#include "cli/desk.h"
#include "cli/json_read.h"
#include "crypto/hash.h"
#include "protocol/limits.h"

namespace cloister::cli {
namespace {

using provenance::Json;

Result<std::vector<protocol::PendingEnrolment>> waiting(Seat& seat) {
  auto enrolments = seat.line->ask<protocol::Enrolments>(protocol::ListEnrolments{});
  if (!enrolments) return pass(enrolments);
  return std::move(enrolments->pending);
}

std::string print_of(const protocol::MemberKeys& keys) {
  const auto key = crypto::public_key_from_bytes(keys.sign);
  return key ? crypto::fingerprint(*key) : "(damaged key)";
}

Result<protocol::Invite> invitation(const Token& token) {
  protocol::Invite invite;
  invite.member = token.member;
  invite.role = token.role;
  invite.site = token.site;
  invite.token_hash = token_hash(token);
  invite.expires = token.expires;
  if (protocol::belongs_to_site(token.role) == token.site.empty()) {
    return fail(Kind::invalid, "invite.site",
                fmt::format("The role '{}' {}.", protocol::to_string(token.role),
                            token.site.empty() ? "belongs to a site" : "belongs to no site"),
                token.site.empty() ? "Give --site SITE." : "Leave out --site.");
  }
  return invite;
}

}  // namespace

MemberId agent_of(const std::string& site) { return MemberId::trusted(site + "-agent"); }

Result<Token> invite(Seat& seat, const InviteOptions& options) {
  if (!is_valid_id(options.who)) return tl::unexpected<Error>(bad_id("member", options.who));
  Token token;
  auto role = protocol::role_from_text(options.role.empty() ? "site-agent" : options.role);
  if (!role) return pass(role);
  token.role = *role;
  const bool is_agent = *role == protocol::Role::site_agent;
  token.site = is_agent ? options.who : options.site;
  token.member = is_agent ? agent_of(options.who) : MemberId::trusted(options.who);
  crypto::SystemEntropy entropy;
  token.secret = entropy.bytes(32);
  token.consortium = seat.membership.consortium;
  token.log = seat.membership.log;
  token.root = seat.membership.root;
  token.members = seat.connection.coordinator;
  token.enrolment = seat.connection.enrolment;
  token.coordinator = seat.membership.coordinator;
  // One second short of what the coordinator allows, for clocks that differ a little.
  token.expires = SystemClock().now() + (protocol::limits::token_life - Duration(1000));
  auto request = invitation(token);
  if (!request) return pass(request);
  auto done = seat.line->ask<protocol::Done>(*request);
  if (!done) return pass(done);
  return token;
}

Result<Answer> invite_told(Seat& seat, const InviteOptions& options) {
  auto token = invite(seat, options);
  if (!token) return pass(token);
  const std::string text = to_text(*token);
  const bool is_agent = token->role == protocol::Role::site_agent;
  Answer answer;
  answer.json.set("member", token->member.text())
      .set("role", protocol::to_string(token->role))
      .set("site", token->site)
      .set("expires", to_rfc3339(token->expires))
      .set("root", token->root);
  if (!options.token_file.empty()) {
    if (auto written = write_text(options.token_file, text + "\n", FileMode::owner_only); !written)
      return pass(written);
    answer.json.set("token_file", options.token_file);
    answer.text = fmt::format("Token for '{}' written to {}.\n", token->member, options.token_file);
    return answer;
  }
  answer.json.set("token", text);
  answer.text = fmt::format(
      "Token for '{}' ({}), good once until {}:\n\n{}\n\n"
      "Hand it over in person or by telephone and on their machine run:\n"
      "  cloister {} TOKEN --home DIR\n"
      "Then: cloister consortium pending, and approve after comparing fingerprints.\n",
      token->member, protocol::to_string(token->role), to_rfc3339(token->expires), text,
      is_agent ? "site enrol" : "consortium join");
  return answer;
}

Result<Answer> pending(Seat& seat) {
  auto all = waiting(seat);
  if (!all) return pass(all);
  Answer answer;
  Json list = Json::array();
  for (const auto& one : *all) {
    answer.text += fmt::format("{}  {}{}{}\n  asked {}, fingerprint {}\n", one.member,
                               protocol::to_string(one.role), one.site.empty() ? "" : " of ",
                               one.site, to_rfc3339(one.asked), print_of(one.keys));
    list.push(Json::object()
                  .set("member", one.member.text())
                  .set("role", protocol::to_string(one.role))
                  .set("site", one.site)
                  .set("asked", to_rfc3339(one.asked))
                  .set("fingerprint", print_of(one.keys)));
  }
  if (all->empty())
    answer.text = "Nobody waits for approval.\n";
  else
    answer.text += "Next: cloister consortium approve MEMBER --fingerprint \"...\"\n";
  answer.json.set("pending", std::move(list));
  return answer;
}

namespace {

// One person's approval of keys that need more than one, or that their member signs itself.
Result<Answer> vouch(Seat& seat, const std::string& what, const Digest& digest, std::string text) {
  provenance::Record record;
  record.kind = provenance::RecordKind::site_enrolled;
  record.stage = "enrolment";
  record.subjects = {{what, digest}};
  record.details.set("decision", "approved").set("member", what);
  auto leaves = sign_and_submit(seat, {std::move(record)});
  if (!leaves) return pass(leaves);
  Answer answer;
  answer.text = std::move(text);
  answer.json.set("member", what).set("approved", true).set("record", to_hex(leaves->front()));
  return answer;
}

Digest digest_of(const protocol::MemberKeys& keys) {
  Bytes all = keys.sign;
  append(all, keys.seal);
  append(all, keys.curve);
  return crypto::sha256(all);
}

// The next keys of a member that stays: its sealing key is the one it has.
Result<bool> is_rotation(Seat& seat, const protocol::PendingEnrolment& pending) {
  auto known = roster(seat);
  if (!known) return pass(known);
  const member::Member* member = known->find(pending.member);
  return member != nullptr && to_hex(member->seal.view()) == to_hex(pending.keys.seal);
}

}  // namespace

Result<Answer> approve_member(Seat& seat, const ApproveOptions& options) {
  auto all = waiting(seat);
  if (!all) return pass(all);
  const auto found = std::find_if(all->begin(), all->end(),
                                  [&](const auto& one) { return one.member == options.member; });
  if (found == all->end()) {
    return fail(Kind::not_found, "approve.nobody",
                fmt::format("'{}' does not wait for approval.", options.member),
                "`cloister consortium pending` lists who does.");
  }
  auto key = crypto::public_key_from_bytes(found->keys.sign);
  if (!key) return pass(key);
  const std::string print = crypto::fingerprint(*key);
  if (!options.unseen && !crypto::fingerprint_matches(*key, options.fingerprint)) {
    return fail(
        Kind::forbidden, "approve.fingerprint",
        fmt::format("The fingerprint that '{}' enrolled with is {}.", options.member, print),
        "Compare it by telephone with what their screen shows; if it is the same, give it "
        "as --fingerprint. If not, somebody else used the token: do not approve.");
  }
  auto rotates = is_rotation(seat, *found);
  if (!rotates) return pass(rotates);
  if (*rotates) {
    return vouch(
        seat, options.member.text(), digest_of(found->keys),
        fmt::format("Approved: '{}' may change to the keys with fingerprint {}. It signs the "
                    "rotation itself.\n",
                    options.member, print));
  }
  auto record = key_bound({found->member, found->role, found->site, found->keys, found->possession},
                          seat.membership.log);
  if (!record) return pass(record);
  auto leaves = sign_and_submit(seat, {std::move(*record)});
  if (!leaves && leaves.error().code == "member.approvals") {
    return vouch(
        seat, options.member.text(), digest_of(found->keys),
        fmt::format("Your approval of '{}' (fingerprint {}) is signed. {}\n", options.member, print,
                    leaves.error().what + " Another administrator runs the same."));
  }
  if (!leaves) return pass(leaves);
  Answer answer;
  answer.text = fmt::format("'{}' is a member now ({}, fingerprint {}).\n", options.member,
                            protocol::to_string(found->role), print);
  answer.json.set("member", options.member.text())
      .set("role", protocol::to_string(found->role))
      .set("fingerprint", print)
      .set("record", to_hex(leaves->front()));
  return answer;
}

Result<Answer> members(Seat& seat) {
  auto told = seat.line->tell("members");
  if (!told) return pass(told);
  Answer answer;
  if (const Json* list = told->find("members"); list != nullptr && list->items() != nullptr) {
    for (const Json& one : *list->items()) {
      answer.text += fmt::format(
          "{:<24} {:<16} {:<12} {}{}{}{}\n", provenance::text_or_empty(one, "id"),
          provenance::text_or_empty(one, "role"), provenance::text_or_empty(one, "site"),
          provenance::text_or_empty(one, "state"),
          one.find("last_heard") == nullptr
              ? ""
              : ", last heard " + provenance::text_or_empty(one, "last_heard"),
          truth_at(one, "rotating") ? ", changes keys" : "",
          truth_at(one, "renew_now")
              ? ", RENEW its keys by " + provenance::text_or_empty(one, "renew_by").substr(0, 10)
              : "");
      const std::string seal = provenance::text_or_empty(one, "seal");
      if (!seal.empty()) answer.text += fmt::format("{:<24} trainer_seal_key {}\n", "", seal);
    }
  }
  answer.json = std::move(*told);
  return answer;
}

Result<Answer> set_approvals(Seat& seat, unsigned approvals) {
  const std::string text =
      fmt::format("# Rules of the consortium itself.\napprovals = {}\n", approvals);
  const Digest digest = crypto::sha256(as_bytes(text));
  provenance::Record record;
  record.kind = provenance::RecordKind::policy_published;
  record.stage = "policy";
  record.subjects = {{"policy", digest}};
  record.details.set("policy", text)
      .set("consortium", Json::object().set("approvals", std::uint64_t{approvals}));
  auto leaves = sign_and_submit(seat, {std::move(record)});
  if (!leaves && leaves.error().code == "policy.approvals") {
    return vouch(seat, "policy", digest,
                 fmt::format("Your approval of {} approval(s) is signed. {}\n", approvals,
                             leaves.error().what + " " + leaves.error().next));
  }
  if (!leaves) return pass(leaves);
  Answer answer;
  answer.text =
      fmt::format("From now on {} people of the consortium approve a member's keys.\n", approvals);
  answer.json.set("approvals", std::uint64_t{approvals}).set("record", to_hex(leaves->front()));
  return answer;
}

Result<Answer> revoke(Seat& seat, const MemberId& member, const std::string& reason) {
  auto known = roster(seat);
  if (!known) return pass(known);
  const member::Member* one = known->find(member);
  if (one == nullptr) {
    return fail(Kind::not_found, "revoke.nobody", fmt::format("'{}' is no member.", member),
                "`cloister consortium members` lists them.");
  }
  Bytes keys(one->sign.bytes.begin(), one->sign.bytes.end());
  append(keys, one->seal.view());
  append(keys, one->curve.view());
  provenance::Record record;
  record.kind = provenance::RecordKind::key_revoked;
  record.stage = "enrolment";
  record.reason = reason;
  record.subjects = {{member.text(), crypto::sha256(keys)}};
  record.details.set("member", member.text()).set("key", to_hex(one->sign.view()));
  auto leaves = sign_and_submit(seat, {std::move(record)});
  if (!leaves) return pass(leaves);
  Answer answer;
  answer.text = fmt::format(
      "The key of '{}' is revoked: its next message is refused. What it signed before stays "
      "valid.\n",
      member);
  answer.json.set("member", member.text()).set("record", to_hex(leaves->front()));
  return answer;
}

}  // namespace cloister::cli
