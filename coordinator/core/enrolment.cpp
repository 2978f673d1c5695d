#include "coordinator/core/enrolment.h"

#include <algorithm>

#include "crypto/hash.h"
#include "crypto/sign.h"
#include "protocol/envelope.h"
#include "protocol/limits.h"
#include "provenance/json.h"

namespace cloister::coordinator {
namespace {

using protocol::EnrolmentState;
using provenance::Json;

// A newcomer that became a member is remembered this long, for its repeated question.
constexpr Duration keep_members{24 * 3600 * 1000};

tl::unexpected<Error> bad_token() {
  // One answer for unknown, expired and foreign tokens: a guesser learns nothing.
  return fail(Kind::unauthenticated, "enrol.token",
              "The enrolment token is unknown, expired, or made for another member.",
              "Ask the consortium for a new one (`cloister consortium invite`); it lives for 15 "
              "minutes and works once.");
}

bool proves_possession(const protocol::Enrol& enrol, const Digest& token_hash) {
  const auto key = crypto::public_key_from_bytes(enrol.keys.sign);
  return key && enrol.possession.size() == 64 && enrol.keys.seal.size() == 32 &&
         enrol.keys.curve.size() == 32 &&
         crypto::verify(*key, protocol::enrolment_claim(token_hash, enrol), enrol.proof);
}

// The next keys of an active member: the sealing key is the one it has.
bool is_approved_rotation(const Member* member, const protocol::MemberKeys& next,
                          const Membership& membership) {
  if (member == nullptr || !member->is_active() || member->keys.seal != next.seal) return false;
  Bytes all = next.sign;
  append(all, next.seal);
  append(all, next.curve);
  return membership.may_rotate(*member, crypto::sha256(all));
}

Json keys_json(const protocol::MemberKeys& keys) {
  Json json = Json::object();
  json.set("sign", to_hex(keys.sign)).set("seal", to_hex(keys.seal));
  json.set("curve", to_hex(keys.curve));
  return json;
}

Result<protocol::MemberKeys> keys_from(const Json& json) {
  protocol::MemberKeys keys;
  for (const auto& [name, to] : {std::pair{"sign", &keys.sign}, std::pair{"seal", &keys.seal},
                                 std::pair{"curve", &keys.curve}}) {
    auto bytes = from_hex(provenance::text_or_empty(json, name));
    if (!bytes) return pass(bytes);
    *to = std::move(*bytes);
  }
  return keys;
}

}  // namespace

Result<void> Enrolment::invite(const protocol::Invite& invite, const Membership& membership,
                               Instant now) {
  forget_old(now);
  const Member* known = membership.find(invite.member);
  const bool differs = known != nullptr && known->is_active() &&
                       (known->role != invite.role || known->site != invite.site);
  if (invite.member.empty() || protocol::belongs_to_site(invite.role) == invite.site.empty() ||
      (!invite.site.empty() && !is_valid_id(invite.site))) {
    return fail(Kind::invalid, "invite.member",
                "An invitation names the member, its role, and its site if the role has one.",
                "Give --site for site-agent, site-admin and site-steward, and only for these.");
  }
  if (differs) {
    return fail(Kind::conflict, "invite.role",
                fmt::format("'{}' is a member already, with another role or site.", invite.member),
                "Invite it under another name, or revoke it first.");
  }
  if (invite.expires <= now || invite.expires - now > protocol::limits::token_life) {
    return fail(Kind::invalid, "invite.expires",
                "An enrolment token expires in the future, after 15 minutes at the latest.",
                "Check the clocks of this machine and of the coordinator.");
  }
  if (entries_.size() >= enrolments_max) {
    return fail(Kind::exhausted, "invite.too_many", "There are too many open invitations.",
                "Wait until some have expired.");
  }
  entries_.try_emplace(invite.token_hash, Entry{invite, false, {}, {}, {}});
  return {};
}

Result<Enrolment::Answer> Enrolment::enrol(const protocol::Enrol& enrol,
                                           const Membership& membership, Instant now) {
  const Digest token_hash = crypto::sha256(enrol.token_secret);
  const auto found = entries_.find(token_hash);
  if (found == entries_.end()) return bad_token();
  Entry& entry = found->second;
  const protocol::Invite& invite = entry.invite;
  if (invite.member != enrol.member || invite.role != enrol.role || invite.site != enrol.site)
    return bad_token();
  if (!entry.used && now > invite.expires) return bad_token();
  if (!proves_possession(enrol, token_hash)) {
    return fail(Kind::unauthenticated, "enrol.proof",
                "The newcomer did not prove that it holds the keys it names.",
                "Enrol again with `cloister site enrol`, which makes the keys.");
  }
  if (entry.used && entry.keys != enrol.keys) {
    return fail(Kind::conflict, "enrol.token_used",
                "This token was used before, with other keys. If that was not you, tell the "
                "consortium at once.",
                "Ask for a new token.");
  }
  Answer answer;
  answer.changed = !entry.used;
  if (!entry.used) {
    entry.used = true;
    entry.keys = enrol.keys;
    entry.possession = enrol.possession;
    entry.asked = now;
  }
  const Member* member = membership.find(enrol.member);
  const bool is_member = member != nullptr && member->is_active() && member->keys == entry.keys;
  answer.state.step =
      is_member ? EnrolmentState::Step::enrolled : EnrolmentState::Step::waiting_for_approval;
  if (!is_member && is_approved_rotation(member, entry.keys, membership)) {
    answer.state.step = EnrolmentState::Step::rotate;
    answer.state.note = "Approved: the member signs the rotation with its present key.";
    return answer;
  }
  answer.state.note =
      is_member ? "Enrolled."
                : "Waits for a consortium administrator to compare the keys' "
                  "fingerprints with you and to sign them (`cloister consortium approve`).";
  return answer;
}

std::vector<protocol::PendingEnrolment> Enrolment::pending(const Membership& membership) const {
  std::vector<protocol::PendingEnrolment> all;
  for (const auto& [hash, entry] : entries_) {
    if (!entry.used) continue;
    const Member* member = membership.find(entry.invite.member);
    if (member != nullptr && member->keys == entry.keys) continue;
    all.push_back({entry.invite.member, entry.invite.role, entry.invite.site, entry.keys,
                   entry.asked, entry.possession});
  }
  return all;
}

void Enrolment::forget_old(Instant now) {
  std::erase_if(entries_, [&](const auto& item) {
    const Entry& entry = item.second;
    return entry.used ? now - entry.asked > 30 * keep_members
                      : now - entry.invite.expires > keep_members;
  });
}

std::string Enrolment::to_json() const {
  Json list = Json::array();
  for (const auto& [hash, entry] : entries_) {
    Json item = Json::object();
    item.set("token_hash", hash).set("member", entry.invite.member.text());
    item.set("role", protocol::to_string(entry.invite.role)).set("site", entry.invite.site);
    item.set("expires", entry.invite.expires.unix_milliseconds()).set("used", entry.used);
    if (entry.used) {
      item.set("keys", keys_json(entry.keys)).set("possession", to_hex(entry.possession));
      item.set("asked", entry.asked.unix_milliseconds());
    }
    list.push(std::move(item));
  }
  Json json = Json::object();
  json.set("version", 1).set("invitations", std::move(list));
  return provenance::to_jcs(json);
}

Result<Enrolment> Enrolment::from_json(std::string_view text) {
  auto json = provenance::parse_json(text, {16U << 20, 8, 1'000'000});
  if (!json) return pass(json);
  Enrolment enrolment;
  const Json* list = json->find("invitations");
  if (list == nullptr || list->items() == nullptr) return enrolment;
  for (const Json& item : *list->items()) {
    Entry entry;
    const auto hash = provenance::digest_at(item, "token_hash");
    const auto role = protocol::role_from_text(provenance::text_or_empty(item, "role"));
    if (!hash) return pass(hash);
    if (!role) return pass(role);
    entry.invite = {
        MemberId::trusted(provenance::text_or_empty(item, "member")), *role,
        provenance::text_or_empty(item, "site"), *hash,
        Instant(static_cast<std::int64_t>(provenance::count_at(item, "expires").value_or(0)))};
    if (const Json* keys = item.find("keys")) {
      auto known = keys_from(*keys);
      if (!known) return pass(known);
      entry.used = true;
      entry.keys = std::move(*known);
      entry.possession = from_hex(provenance::text_or_empty(item, "possession")).value_or(Bytes{});
      entry.asked =
          Instant(static_cast<std::int64_t>(provenance::count_at(item, "asked").value_or(0)));
    }
    enrolment.entries_.emplace(*hash, std::move(entry));
  }
  return enrolment;
}

}  // namespace cloister::coordinator
