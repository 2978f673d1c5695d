#include "member/own_keys.h"

#include <algorithm>

#include "crypto/sign.h"
#include "protocol/limits.h"

namespace cloister::member {
namespace {

using provenance::Json;
using provenance::RecordKind;
using provenance::text_or_empty;

struct Change {
  std::string name;
  provenance::Record record;
};

Result<Change> rotation(const Link& link, const Json& body) {
  const auto binding = provenance::key_binding_from(body);
  if (!binding) return pass(binding);
  if (binding->member != link.options().self) {
    return fail(Kind::forbidden, "rotate.member", "These keys are another member's.",
                "Run it against the process whose keys are to change.");
  }
  Change change;
  change.name = fmt::format("rotate/{}", to_hex(binding->key.view()));
  change.record.kind = RecordKind::key_rotated;
  change.record.stage = "enrolment";
  change.record.subjects = {{binding->member.text(), provenance::member_key_digest(*binding)}};
  change.record.details = provenance::to_details(*binding);
  return change;
}

Result<Change> retirement(const Link& link, const Json& body) {
  const std::string key = text_or_empty(body, "key");
  const Member* self = link.membership().find(link.options().self);
  const auto is_it = [&](const Member::Former& one) { return to_hex(one.sign.view()) == key; };
  if (self == nullptr || std::none_of(self->former.begin(), self->former.end(), is_it)) {
    return fail(Kind::not_found, "rotate.former",
                "That is no former key of this member, as far as it has heard.",
                "Wait until the rotation has come back from the coordinator, then run it again.");
  }
  Change change;
  change.name = fmt::format("retire/{}", key);
  change.record.kind = RecordKind::key_revoked;
  change.record.stage = "enrolment";
  change.record.reason = "rotated";
  change.record.subjects = {
      {self->id.text(), digest_from_hex(text_or_empty(body, "digest")).value_or(Digest{})}};
  change.record.details.set("member", self->id.text()).set("key", key);
  return change;
}

std::string receipt_json(const Receipted& receipt) {
  return provenance::to_jcs(Json().set("index", receipt.index).set("leaf", receipt.leaf));
}

Result<Change> change_for(const Link& link, const PersonAsked& question) {
  const auto body = provenance::parse_json(question.body_json);
  if (!body) return pass(body);
  return question.verb == "rotate" ? rotation(link, *body) : retirement(link, *body);
}

}  // namespace

Actions OwnKeys::asked(Link& link, const PersonAsked& question, Instant now) {
  auto change = change_for(link, question);
  if (!change) return {Tell{question.question, tl::unexpected(change.error())}};
  if (const auto* known = link.records().receipt(change->name))
    return {Tell{question.question, receipt_json(*known)}};
  auto drafted = link.records().draft(change->name, std::move(change->record), now);
  if (!drafted) {
    return {Tell{question.question,
                 fail(Kind::invalid, "rotate.record", "The change of keys is no whole record.",
                      "Upgrade the command line to this process's version.")}};
  }
  waiting_[change->name] = question.question;
  return std::move(*drafted);
}

Actions OwnKeys::heard(const Heard& heard) {
  Actions out;
  const auto answer = [&](const std::string& name, Result<std::string> json) {
    const auto found = waiting_.find(name);
    if (found == waiting_.end()) return;
    out.push_back(Tell{found->second, std::move(json)});
    waiting_.erase(found);
  };
  if (heard.receipted) answer(heard.receipted->name, receipt_json(*heard.receipted));
  if (heard.rejected) answer(heard.rejected->name, tl::unexpected(heard.rejected->error));
  return out;
}

Json keys_json(const Link& link, Instant now) {
  Json json = Json::object();
  const Member* self = link.membership().find(link.options().self);
  if (self == nullptr) return json;
  const Instant renew_by = self->since + protocol::limits::key_life;
  json.set("fingerprint", crypto::fingerprint(self->sign)).set("since", to_rfc3339(self->since));
  json.set("renew_by", to_rfc3339(renew_by));
  json.set("renew_now", renew_by - now < protocol::limits::key_warning);
  std::uint64_t former = 0;
  for (const auto& one : self->former) former += one.is_revoked ? 0 : 1;
  return json.set("former", former);
}

Json line_json(const Link& link) {
  Json json;
  json.set("member", link.options().self.text()).set("site", link.options().site);
  json.set("halted", link.watch().halted());
  if (link.watch().halted()) json.set("halted_why", link.watch().halted_why());
  if (link.last_heard() != Instant()) json.set("last_heard", to_rfc3339(link.last_heard()));
  if (const auto& problem = link.problem()) {
    json.set("problem", Json()
                            .set("code", problem->error.code)
                            .set("what", problem->error.what)
                            .set("next", problem->error.next)
                            .set("since", to_rfc3339(problem->since)));
  }
  json.set("ledger_size", link.watch().head_size()).set("head", link.watch().head_text());
  return json.set("records_waiting", std::uint64_t{link.records().waiting()});
}

}  // namespace cloister::member
