#include "coordinator/core/member_rules.h"

#include <algorithm>

namespace cloister::coordinator {
namespace {

using provenance::Record;
using provenance::RecordKind;

bool is_administrator(const Member* member) {
  return member != nullptr &&
         (member->role == protocol::Role::root || member->role == protocol::Role::consortium_admin);
}

// People of the consortium behind a record: its signer and those who vouched for the same thing.
std::size_t people_behind(const Record& record, const Digest& digest,
                          const Membership& membership) {
  auto people = membership.vouchers(digest);
  const bool has_signed = std::find(people.begin(), people.end(), record.actor.id) != people.end();
  if (!has_signed && is_administrator(membership.find(record.actor.id)))
    people.push_back(record.actor.id);
  return people.size();
}

// A binding may give a member new keys, never another role or site: whoever may bind agents could
// otherwise take an owner's name.
Result<void> check_name(const provenance::KeyBinding& binding, const Member* known) {
  if (known == nullptr) return {};
  const protocol::Role role = protocol_role(binding.role);
  const bool is_root = known->role == protocol::Role::root;
  const bool same_site = known->site == (protocol::belongs_to_site(role) ? binding.org : "");
  if (!is_root && known->role == role && same_site) return {};
  return fail(Kind::conflict, "member.taken",
              fmt::format("'{}' is a member already, with another role or site.", known->id),
              "Choose another name for the new member.");
}

Result<void> check_bound(const Record& record, const provenance::KeyBinding& binding,
                         const Membership& membership) {
  const std::size_t wanted = membership.rules().approvals;
  const std::size_t people =
      people_behind(record, provenance::member_key_digest(binding), membership);
  // A site's administrator may bind people of the site alone where one approval is enough.
  if (wanted <= 1 || people >= wanted) return {};
  return fail(
      Kind::forbidden, "member.approvals",
      fmt::format("The consortium's policy asks for {} people to approve a member's keys; {} "
                  "did for '{}'.",
                  wanted, people, binding.member),
      "Another administrator compares the fingerprint and runs `cloister consortium "
      "approve` too.");
}

Result<void> check_rotated(const provenance::KeyBinding& binding, const Member* known,
                           const Membership& membership) {
  if (known == nullptr || !known->is_active()) {
    return fail(Kind::forbidden, "rotate.unknown",
                fmt::format("'{}' is no active member whose keys could change.", binding.member),
                "Ask the consortium for a new invitation.");
  }
  if (binding.seal != known->keys.seal) {
    return fail(Kind::invalid, "rotate.seal",
                "A rotation keeps the sealing key: what is sealed to it must stay readable.",
                "Rotate with `cloister site rotate` (a trainer: `cloister trainer rotate`); if the "
                "sealing key itself leaked, revoke the "
                "member and enrol it anew.");
  }
  if (membership.may_rotate(*known, provenance::member_key_digest(binding))) return {};
  return fail(Kind::forbidden, "rotate.approval",
              fmt::format("The consortium has not approved these next keys of '{}' ({} approvals "
                          "needed).",
                          binding.member, membership.rules().approvals),
              "An administrator compares the fingerprint and runs `cloister consortium approve`.");
}

}  // namespace

Result<void> check_keys(const Record& record, const Membership& membership) {
  const auto binding = provenance::key_binding_from(record.details);
  if (!binding) return pass(binding);
  const Member* known = membership.find(binding->member);
  if (record.kind == RecordKind::key_rotated) return check_rotated(*binding, known, membership);
  if (auto ok = check_name(*binding, known); !ok) return ok;
  return check_bound(record, *binding, membership);
}

Result<void> check_revoked(const Record& record, const Membership& membership) {
  const auto id = MemberId::parse(provenance::text_or_empty(record.details, "member"));
  const Member* known = id ? membership.find(*id) : nullptr;
  // The root is who bound itself with the ledger's first record.
  const bool is_pinned =
      known != nullptr && (known->bound_at == 0 || known->role == protocol::Role::coordinator);
  const std::string key = provenance::text_or_empty(record.details, "key");
  if (!is_pinned || key != to_hex(known->keys.sign)) return {};
  return fail(
      Kind::forbidden, "revoke.pinned",
      fmt::format("Every member pins the key of '{}': revoking it would end the consortium, "
                  "for everybody and for good.",
                  known->id),
      "If it leaked, found a new consortium and enrol the members there "
      "(docs/decisions/0073); if not, lock it away.");
}

Result<void> check_consortium_policy(const Record& record, const Membership& membership) {
  const provenance::Json* rules = record.details.find("consortium");
  if (rules == nullptr) return {};
  if (!is_administrator(membership.find(record.actor.id)) || record.subjects.empty()) {
    return fail(Kind::forbidden, "policy.consortium",
                "The consortium's own policy is signed by a consortium administrator.",
                "Ask one; a site's policy is published with `cloister site publish-policy`.");
  }
  const auto next = provenance::count_at(*rules, "approvals").value_or(0);
  if (next < 1 || next > 16) {
    return fail(Kind::invalid, "policy.approvals_range",
                "A consortium asks for 1 to 16 approvals of a member's keys.",
                "Give a number from 1 to 16.");
  }
  const std::size_t wanted = membership.rules().approvals;
  if (next >= wanted) return {};
  const std::size_t people = people_behind(record, record.subjects.front().digest, membership);
  if (people >= wanted) return {};
  return fail(
      Kind::forbidden, "policy.approvals",
      fmt::format("Asking for fewer approvals ({} instead of {}) needs {} people; {} signed.", next,
                  wanted, wanted, people),
      "Another administrator runs the same command.");
}

}  // namespace cloister::coordinator
