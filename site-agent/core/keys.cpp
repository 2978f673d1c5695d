// The agent's own keys: rotation by its present key, and the end of the former one. The next keys
// themselves are made and kept by `cloister site rotate`; here their record is signed.
#include "crypto/sign.h"
#include "protocol/limits.h"
#include "site-agent/core/agent_state.h"

namespace cloister::site_agent {
namespace {

using provenance::Json;
using provenance::RecordKind;
using provenance::text_or_empty;

struct Change {
  std::string name;
  provenance::Record record;
};

Result<Change> rotation(const AgentState& state, const Json& body) {
  const auto binding = provenance::key_binding_from(body);
  if (!binding) return pass(binding);
  if (binding->member != state.link.options().self) {
    return fail(Kind::forbidden, "rotate.member", "These keys are another member's.",
                "Run it against the agent whose keys are to change.");
  }
  Change change;
  change.name = fmt::format("rotate/{}", to_hex(binding->key.view()));
  change.record.kind = RecordKind::key_rotated;
  change.record.stage = "enrolment";
  change.record.subjects = {{binding->member.text(), provenance::member_key_digest(*binding)}};
  change.record.details = provenance::to_details(*binding);
  return change;
}

Result<Change> retirement(const AgentState& state, const Json& body) {
  const std::string key = text_or_empty(body, "key");
  const member::Member* self = state.link.membership().find(state.link.options().self);
  const auto is_it = [&](const member::Member::Former& one) {
    return to_hex(one.sign.view()) == key;
  };
  if (self == nullptr || std::none_of(self->former.begin(), self->former.end(), is_it)) {
    return fail(Kind::not_found, "rotate.former",
                "That is no former key of this agent, as far as it has heard.",
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

std::string receipt_json(const member::Receipted& receipt) {
  return provenance::to_jcs(Json().set("index", receipt.index).set("leaf", receipt.leaf));
}

}  // namespace

void on_keys_asked(AgentState& state, std::uint64_t question, std::string_view verb,
                   const Json& body, Instant now) {
  auto change = verb == "rotate" ? rotation(state, body) : retirement(state, body);
  if (!change) return state.tell(question, tl::unexpected(change.error()));
  if (const auto* known = state.link.records().receipt(change->name))
    return state.tell(question, receipt_json(*known));
  state.keys_asked[change->name] = question;
  if (state.draft(change->name, std::move(change->record), now)) return;
  state.keys_asked.erase(change->name);
  state.tell(question,
             fail(Kind::invalid, "rotate.record", "The change of keys is no whole record.",
                  "Upgrade the command line to the agent's version."));
}

void on_keys_heard(AgentState& state, const member::Heard& heard) {
  const auto answer = [&](const std::string& name, Result<std::string> json) {
    const auto found = state.keys_asked.find(name);
    if (found == state.keys_asked.end()) return;
    const std::uint64_t question = found->second;
    state.keys_asked.erase(found);
    state.tell(question, std::move(json));
  };
  if (heard.receipted) answer(heard.receipted->name, receipt_json(*heard.receipted));
  if (heard.rejected) answer(heard.rejected->name, tl::unexpected(heard.rejected->error));
}

Json keys_json(const AgentState& state, Instant now) {
  Json json = Json::object();
  const member::Member* self = state.link.membership().find(state.link.options().self);
  if (self == nullptr) return json;
  const Instant renew_by = self->since + protocol::limits::key_life;
  json.set("fingerprint", crypto::fingerprint(self->sign)).set("since", to_rfc3339(self->since));
  json.set("renew_by", to_rfc3339(renew_by));
  json.set("renew_now", renew_by - now < protocol::limits::key_warning);
  std::uint64_t former = 0;
  for (const auto& one : self->former) former += one.is_revoked ? 0 : 1;
  return json.set("former", former);
}

}  // namespace cloister::site_agent
