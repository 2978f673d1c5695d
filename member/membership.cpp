#include "member/membership.h"

#include <algorithm>

#include "provenance/dsse.h"

namespace cloister::member {
namespace {

using provenance::RecordKind;

struct Opened {
  provenance::Envelope envelope;
  provenance::Record record;
};

Result<Opened> open_envelope(BytesView json) {
  auto envelope = provenance::parse_envelope(as_text(json));
  if (!envelope) return pass(envelope);
  if (envelope->payload_type != provenance::statement_payload_type) {
    return fail(Kind::corrupt, "record.format", "The envelope holds no record.");
  }
  auto record = provenance::parse_statement(envelope->payload);
  if (!record) return pass(record);
  return Opened{std::move(*envelope), std::move(*record)};
}

Result<Member> member_from(const provenance::KeyBinding& binding) {
  auto seal = crypto::seal_public_key_from_bytes(binding.seal);
  if (!seal) return pass(seal);
  auto curve = crypto::curve_public_key_from_bytes(binding.curve);
  if (!curve) return pass(curve);
  Member member;
  member.id = binding.member;
  member.role = protocol::role_from_text(provenance::to_string(binding.role))
                    .value_or(protocol::Role::auditor);
  member.org = binding.org;
  member.site = protocol::belongs_to_site(member.role) ? binding.org : std::string{};
  member.sign = binding.key;
  member.seal = *seal;
  member.curve = *curve;
  return member;
}

bool is_binding(RecordKind kind) {
  return kind == RecordKind::key_bound || kind == RecordKind::key_rotated;
}

}  // namespace

// Goes over the envelopes again and again until no further one can be believed: whoever binds may
// itself be bound further down.
class MembershipReader {
 public:
  MembershipReader(const std::string& root, std::span<const Bytes> envelopes) : root_(root) {
    for (const Bytes& bytes : envelopes) {
      if (auto opened = open_envelope(bytes)) items_.push_back({std::move(*opened), false});
    }
  }

  std::map<MemberId, Member> read() {
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t place = 0; place < items_.size(); ++place) {
        if (items_[place].used) continue;
        items_[place].used = believe(place);
        changed = changed || items_[place].used;
      }
    }
    for (const auto& [id, place] : revoked_) {
      const auto bound = bound_.find(id);
      if (bound != bound_.end() && bound->second < place) members_.erase(id);
    }
    return std::move(members_);
  }

 private:
  struct Item {
    Opened opened;
    bool used = false;
  };

  bool believe(std::size_t place) {
    const Opened& opened = items_[place].opened;
    if (opened.record.kind == RecordKind::key_revoked) return revoke(opened, place);
    if (!is_binding(opened.record.kind)) return false;
    const auto binding = provenance::key_binding_from(opened.record.details);
    if (!binding || !may_bind(opened, *binding)) return false;
    auto member = member_from(*binding);
    if (!member) return false;
    const auto bound = bound_.find(member->id);
    if (bound != bound_.end() && bound->second > place) return true;  // a newer one counts
    bound_[member->id] = place;
    member->since = opened.record.issued_at;
    const auto before = members_.find(member->id);
    if (opened.record.kind == RecordKind::key_rotated && before != members_.end()) {
      member->former = before->second.former;
      member->former.push_back({before->second.sign, false});
    }
    members_[member->id] = std::move(*member);
    return true;
  }

  [[nodiscard]] bool is_root(const crypto::PublicKey& key) const {
    return crypto::key_id(key) == root_;
  }

  [[nodiscard]] bool may_bind(const Opened& opened, const provenance::KeyBinding& binding) const {
    if (is_root(binding.key)) {  // the pinned root speaks for itself
      return binding.role == provenance::Role::consortium_admin &&
             provenance::is_signed_by(opened.envelope, binding.key);
    }
    const auto signer = members_.find(opened.record.actor.id);
    if (signer == members_.end() || signer->second.signer_of(opened.envelope) == nullptr) {
      return false;
    }
    const auto binder = role_of(signer->second);
    const bool own = opened.record.kind == RecordKind::key_rotated &&
                     binding.member == signer->first && binding.role == binder &&
                     binding.org == signer->second.org;
    const bool same_org =
        binder != provenance::Role::site_admin || binding.org == signer->second.org;
    return own || (provenance::may_bind(binder, binding.role) && same_org);
  }

  bool revoke(const Opened& opened, std::size_t place) {
    const auto signer = members_.find(opened.record.actor.id);
    const auto id = MemberId::parse(provenance::text_or_empty(opened.record.details, "member"));
    if (signer == members_.end() || !id || signer->second.signer_of(opened.envelope) == nullptr) {
      return false;
    }
    const auto revoked = members_.find(*id);
    if (revoked == members_.end()) return false;
    const bool same_org = role_of(signer->second) != provenance::Role::site_admin ||
                          revoked->second.org == signer->second.org;
    const bool allowed =
        *id == signer->first ||
        (provenance::may_bind(role_of(signer->second), role_of(revoked->second)) && same_org);
    if (!allowed) return false;
    const std::string key = provenance::text_or_empty(opened.record.details, "key");
    for (Member::Former& former : revoked->second.former) {
      if (to_hex(former.sign.view()) != key) continue;
      former.is_revoked = true;  // the end of a rotation: the member itself stays
      return true;
    }
    revoked_[*id] = std::max(revoked_[*id], place);
    return true;
  }

  static provenance::Role role_of(const Member& member) {
    return provenance::role_from_name(protocol::to_string(member.role))
        .value_or(provenance::Role::auditor);
  }

  std::string root_;
  std::vector<Item> items_;
  std::map<MemberId, Member> members_;
  std::map<MemberId, std::size_t> bound_;    // place of the binding that counts
  std::map<MemberId, std::size_t> revoked_;  // place of the last revocation
};

const crypto::PublicKey* Member::signer_of(const provenance::Envelope& envelope) const {
  if (provenance::is_signed_by(envelope, sign)) return &sign;
  const auto found = std::find_if(former.begin(), former.end(), [&](const Former& one) {
    return provenance::is_signed_by(envelope, one.sign);
  });
  return found == former.end() ? nullptr : &found->sign;
}

Membership Membership::from(const std::string& root, std::span<const Bytes> envelopes) {
  Membership membership;
  membership.members_ = MembershipReader(root, envelopes).read();
  return membership;
}

const Member* Membership::find(const MemberId& id) const {
  const auto found = members_.find(id);
  return found == members_.end() ? nullptr : &found->second;
}

const Member* Membership::coordinator() const {
  const auto found = std::find_if(members_.begin(), members_.end(), [](const auto& entry) {
    return entry.second.role == protocol::Role::coordinator;
  });
  return found == members_.end() ? nullptr : &found->second;
}

const Member* Membership::agent_of(const std::string& site) const {
  const auto found = std::find_if(members_.begin(), members_.end(), [&](const auto& entry) {
    return entry.second.role == protocol::Role::site_agent && entry.second.site == site;
  });
  return found == members_.end() ? nullptr : &found->second;
}

Result<SignedRecord> Membership::open(BytesView envelope_json) const {
  auto opened = open_envelope(envelope_json);
  if (!opened) return pass(opened);
  const provenance::Record& record = opened->record;
  const Member* signer = find(record.actor.id);
  if (signer == nullptr) {
    return fail(
        Kind::unauthenticated, "record.signer",
        fmt::format("'{}' is no member now: its key was revoked, or never bound.", record.actor.id),
        "A consortium administrator can tell, and invite anew.");
  }
  const crypto::PublicKey* key = signer->signer_of(opened->envelope);
  if (key == nullptr) {
    return fail(Kind::unauthenticated, "record.signer",
                fmt::format("The record '{}' is not signed by the member '{}' that it names.",
                            provenance::to_string(record.kind), record.actor.id),
                "Sign it with the key that the consortium bound to this member.");
  }
  const auto role = provenance::role_from_name(protocol::to_string(signer->role));
  if (!role || record.actor.role != *role || record.actor.org != signer->org ||
      !provenance::may_write(*role, record.kind)) {
    return fail(Kind::forbidden, "record.role",
                fmt::format("'{}' may not write a record '{}' as {}.", record.actor.id,
                            provenance::to_string(record.kind), protocol::to_string(signer->role)),
                "Ask somebody who has the role for it.");
  }
  auto leaf = provenance::record_hash(opened->envelope, *key);
  if (!leaf) return pass(leaf);
  return SignedRecord{std::move(opened->record), *signer, *leaf};
}

}  // namespace cloister::member
