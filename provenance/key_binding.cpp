// Details of key.bound and permit.granted.
#include "crypto/hash.h"
#include "provenance/record.h"
#include "provenance/record_json.h"

namespace cloister::provenance {
namespace {

constexpr std::string_view possession_type = "application/vnd.cloister.key-binding+json";

// What the bound key signs: everything but the proof itself, tied to one log.
Bytes possession_message(const KeyBinding& binding, std::string_view log_origin) {
  Json claim;
  claim.set("curve", to_hex(binding.curve));
  claim.set("key", to_hex(binding.key.view()));
  claim.set("log", log_origin);
  claim.set("member", binding.member.text());
  claim.set("org", binding.org);
  claim.set("role", to_string(binding.role));
  claim.set("seal", to_hex(binding.seal));
  return pae(possession_type, as_bytes(to_jcs(claim)));
}

Result<Bytes> hex_at(const Json& json, std::string_view key, std::size_t size) {
  const auto text = text_at(json, key);
  if (!text) return pass(text);
  auto bytes = from_hex(*text);
  if (!bytes || (bytes->size() != size && !bytes->empty())) {
    return fail(
        Kind::invalid, "record.format",
        fmt::format("The field '{}' of a key binding is not hexadecimal of {} bytes.", key, size));
  }
  return bytes;
}

constexpr std::string_view permit_type_names[] = {"release", "standing", "exception"};

}  // namespace

Digest member_key_digest(const KeyBinding& binding) {
  Bytes all(binding.key.bytes.begin(), binding.key.bytes.end());
  append(all, binding.seal);
  append(all, binding.curve);
  return crypto::sha256(all);
}

KeyBinding prove_key(KeyBinding binding, const crypto::SecretKey& key,
                     std::string_view log_origin) {
  binding.key = key.public_key();
  binding.possession = key.sign(possession_message(binding, log_origin));
  return binding;
}

bool proves_possession(const KeyBinding& binding, std::string_view log_origin) {
  return crypto::verify(binding.key, possession_message(binding, log_origin), binding.possession);
}

Json to_details(const KeyBinding& binding) {
  Json out;
  out.set("curve", to_hex(binding.curve));
  out.set("key", to_hex(binding.key.view()));
  out.set("member", binding.member.text());
  out.set("org", binding.org);
  out.set("possession", to_hex(binding.possession));
  out.set("role", to_string(binding.role));
  out.set("seal", to_hex(binding.seal));
  return out;
}

Result<KeyBinding> key_binding_from(const Json& details) {
  auto bad = [] {
    return fail(Kind::invalid, "record.format", "The details of a key record are not complete.");
  };
  KeyBinding out;
  const auto member = MemberId::parse(text_or_empty(details, "member"));
  const auto role = role_from_name(text_or_empty(details, "role"));
  auto seal = hex_at(details, "seal", 32);
  auto curve = hex_at(details, "curve", 32);
  const auto key = hex_at(details, "key", 32);
  const auto possession = hex_at(details, "possession", out.possession.size());
  if (!member || !role || !seal || !curve || !key || key->empty()) return bad();
  if (!possession || possession->empty()) return bad();
  out.member = *member;
  out.role = *role;
  out.org = text_or_empty(details, "org");
  out.key = crypto::public_key_from_bytes(*key).value();
  out.seal = std::move(*seal);
  out.curve = std::move(*curve);
  std::copy(possession->begin(), possession->end(), out.possession.begin());
  if (!is_valid_id(out.org)) return bad();
  return out;
}

Json to_details(const Permit& permit) {
  Json out;
  Json indicators = Json::array();
  for (const auto& indicator : permit.indicators) indicators.push(to_json(indicator));
  Json purposes = Json::array();
  for (const auto& purpose : permit.purposes) purposes.push(purpose);
  out.set("indicators", std::move(indicators));
  out.set("purposes", std::move(purposes));
  out.set("reason", permit.reason);
  out.set("recipient", permit.recipient);
  out.set("recipientKey", permit.recipient_key);
  out.set("type", permit_type_names[static_cast<std::size_t>(permit.type)]);
  return out;
}

Result<Permit> permit_from(const Json& details) {
  auto bad = [] {
    return fail(Kind::invalid, "record.format", "The details of a permit are not complete.");
  };
  Permit out;
  const std::string type = text_or_empty(details, "type");
  std::size_t number = 0;
  while (number < 3 && permit_type_names[number] != type) ++number;
  const Json* purposes = details.find("purposes");
  const Json* indicators = details.find("indicators");
  if (number == 3 || purposes == nullptr || purposes->items() == nullptr) return bad();
  out.type = static_cast<Permit::Type>(number);
  for (const Json& purpose : *purposes->items()) {
    if (purpose.text() == nullptr) return bad();
    out.purposes.push_back(*purpose.text());
  }
  if (indicators != nullptr && indicators->items() != nullptr) {
    for (const Json& one : *indicators->items()) {
      auto indicator = indicator_from(one);
      if (!indicator) return pass(indicator);
      out.indicators.push_back(std::move(*indicator));
    }
  }
  out.recipient = text_or_empty(details, "recipient");
  out.recipient_key = text_or_empty(details, "recipientKey");
  out.reason = text_or_empty(details, "reason");
  return out;
}

}  // namespace cloister::provenance
