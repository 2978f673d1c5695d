#include "provenance/key_book.h"

namespace cloister::provenance {
namespace {

tl::unexpected<Error> bad(std::uint64_t index, std::string_view what) {
  return fail(Kind::unauthenticated, "bundle.key", fmt::format("Record {}: {}", index, what),
              "Check with the consortium whose key it is.");
}

}  // namespace

KeyBook::KeyBook(const std::vector<RootKey>& roots, std::string log_origin)
    : log_origin_(std::move(log_origin)) {
  for (const RootKey& root : roots) {
    keys_[root.key] =
        KeyState{root.member, Role::consortium_admin, root.org, root.key, 0, std::nullopt};
  }
}

Result<void> KeyBook::take(std::uint64_t index, const Leaf& leaf, const Record& record) {
  const auto known = keys_.find(leaf.public_key);
  if (known == keys_.end()) return bad(index, "no record before it binds the key that signed it.");
  const KeyState& key = known->second;
  if (key.revoked_at && index > *key.revoked_at) {
    return bad(index, "the key that signed it had been revoked.");
  }
  if (key.member != record.actor.id || key.role != record.actor.role ||
      key.org != record.actor.org) {
    return bad(index, "it speaks for somebody else than its key is bound to.");
  }
  if (!may_write(key.role, record.kind)) {
    return bad(index,
               fmt::format("a {} may not write {}.", to_string(key.role), to_string(record.kind)));
  }
  return learn(index, record);
}

Result<void> KeyBook::learn(std::uint64_t index, const Record& record) {
  if (record.kind == RecordKind::key_revoked) {
    for (auto& [key, state] : keys_) {
      if (to_hex(key.view()) == text_or_empty(record.details, "key")) state.revoked_at = index;
    }
    return {};
  }
  const bool rotates = record.kind == RecordKind::key_rotated;
  if (record.kind != RecordKind::key_bound && !rotates) return {};
  const auto binding = key_binding_from(record.details);
  if (!binding || !proves_possession(*binding, log_origin_)) {
    return bad(index, "it binds a key whose holder did not prove to have it.");
  }
  const bool is_own = binding->member == record.actor.id && binding->role == record.actor.role &&
                      binding->org == record.actor.org;
  const bool is_below =
      may_bind(record.actor.role, binding->role) &&
      (record.actor.role == Role::consortium_admin || binding->org == record.actor.org);
  if (rotates ? !is_own : !is_below) return bad(index, "its signer may not bind this key.");
  keys_[binding->key] =
      KeyState{binding->member, binding->role, binding->org, binding->key, index, std::nullopt};
  return {};
}

}  // namespace cloister::provenance
