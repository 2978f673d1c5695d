#include "cli/signing.h"

#include <algorithm>
#include <array>

#include "crypto/entropy.h"

namespace cloister::cli {
namespace {

provenance::KeyBinding binding_of(const NewMember& member, std::string_view log) {
  provenance::KeyBinding binding;
  binding.member = member.member;
  binding.role = record_role(member.role);
  binding.org = org_of(member.site, log);
  binding.seal = member.keys.seal;
  binding.curve = member.keys.curve;
  return binding;
}

std::string record_id(Instant now) {
  crypto::SystemEntropy entropy;
  std::array<std::uint8_t, 10> random{};
  entropy.fill(random);
  return uuid_v7(now, random);
}

}  // namespace

std::string org_of(const std::string& site, std::string_view log) {
  if (!site.empty()) return site;
  return std::string(log.substr(log.find('/') + 1));
}

provenance::Role record_role(protocol::Role role) {
  if (role == protocol::Role::root) return provenance::Role::consortium_admin;
  return provenance::role_from_name(protocol::to_string(role)).value_or(provenance::Role::auditor);
}

Result<SignedRecord> sign(Signer& signer, provenance::Record record, Instant now) {
  record.record_id = record_id(now);
  record.issued_at = now;
  record.signer_seq = signer.state.last_seq + 1;
  record.prev_by_signer = signer.state.last_leaf;
  record.actor.id = signer.identity.id;
  record.actor.role = record_role(signer.role);
  record.actor.org = signer.org;
  auto envelope = provenance::sign_record(record, signer.identity.sign);
  if (!envelope) return pass(envelope);
  auto leaf = provenance::record_hash(*envelope, signer.identity.sign.public_key());
  if (!leaf) return pass(leaf);
  signer.state.last_seq = record.signer_seq;
  signer.state.last_leaf = *leaf;
  return SignedRecord{to_bytes(provenance::to_json(*envelope)), *leaf};
}

protocol::MemberKeys member_keys(const crypto::Identity& identity) {
  const auto bytes = [](BytesView view) { return Bytes(view.begin(), view.end()); };
  return {bytes(identity.sign.public_key().view()), bytes(identity.seal.public_key().view()),
          bytes(identity.curve.public_key().view())};
}

NewMember prove_member(const crypto::Identity& identity, protocol::Role role,
                       const std::string& site, std::string_view log) {
  NewMember member{identity.id, role, site, member_keys(identity), {}};
  const auto binding = provenance::prove_key(binding_of(member, log), identity.sign, log);
  member.possession.assign(binding.possession.begin(), binding.possession.end());
  return member;
}

Result<provenance::Record> key_bound(const NewMember& member, std::string_view log) {
  provenance::KeyBinding binding = binding_of(member, log);
  auto key = crypto::public_key_from_bytes(member.keys.sign);
  if (!key) return pass(key);
  binding.key = *key;
  if (member.possession.size() == binding.possession.size()) {
    std::copy(member.possession.begin(), member.possession.end(), binding.possession.begin());
  }
  if (!provenance::proves_possession(binding, log)) {
    return fail(Kind::unauthenticated, "approve.possession",
                fmt::format("'{}' did not prove that it holds the keys it names.", member.member),
                "Do not approve it. Ask the person to enrol again with a new token.");
  }
  provenance::Record record;
  record.kind = provenance::RecordKind::key_bound;
  record.stage = "enrolment";
  record.subjects = {{member.member.text(), provenance::member_key_digest(binding)}};
  record.details = provenance::to_details(binding);
  return record;
}

}  // namespace cloister::cli
