#include "provenance/dsse.h"

#include <algorithm>
#include <optional>

#include "crypto/hash.h"
#include "provenance/json.h"

namespace cloister::provenance {
namespace {

tl::unexpected<Error> bad(std::string what) {
  return fail(Kind::invalid, "envelope.format", std::move(what),
              "An envelope has payload, payloadType and signatures, as DSSE v1.0.2 asks.");
}

Result<Bytes> any_base64_at(const Json& object, std::string_view key) {
  const auto text = text_at(object, key);
  if (!text) return pass(text);
  return from_base64_any(*text);
}

Result<EnvelopeSignature> parse_signature(const Json& value) {
  const auto bytes = any_base64_at(value, "sig");
  EnvelopeSignature out;
  if (!bytes || bytes->size() != out.signature.size()) {
    return bad("A signature of the envelope is not 64 bytes in base64.");
  }
  std::copy(bytes->begin(), bytes->end(), out.signature.begin());
  out.keyid = text_or_empty(value, "keyid");
  return out;
}

// Takes `expected` off the front.
bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}
// Takes everything up to the next quotation mark off, and the mark.
std::optional<std::string_view> take_text(std::string_view& text) {
  const std::size_t end = text.find('"');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(end + 1);
  return taken;
}
bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// The spelling of to_json for one signature over a statement, which is what nearly every envelope
// comes in; nothing for all others, good or bad: parse_json judges those. What is taken here would
// come out of it the same, because none of its texts can hold an escape.
std::optional<Envelope> read_canonical(std::string_view text) {
  Envelope envelope;
  if (!take(text, R"({"payload":")")) return std::nullopt;
  const auto payload = take_text(text);
  if (!payload || !take(text, R"(,"payloadType":")") || !take(text, statement_payload_type) ||
      !take(text, R"(","signatures":[{"keyid":")")) {
    return std::nullopt;
  }
  const auto keyid = take_text(text);
  if (!keyid || !is_hex(*keyid) || !take(text, R"(,"sig":")")) return std::nullopt;
  const auto sig = take_text(text);
  if (!sig || text != "}]}") return std::nullopt;
  auto body = from_base64_any(*payload);
  const auto signature = from_base64_any(*sig);
  EnvelopeSignature one{std::string(*keyid), {}};
  if (!body || !signature || signature->size() != one.signature.size()) return std::nullopt;
  std::copy(signature->begin(), signature->end(), one.signature.begin());
  envelope.payload_type = statement_payload_type;
  envelope.payload = std::move(*body);
  envelope.signatures.push_back(std::move(one));
  return envelope;
}

}  // namespace

Bytes pae(std::string_view type, BytesView body) {
  Bytes out = to_bytes(fmt::format("DSSEv1 {} {} {} ", type.size(), type, body.size()));
  append(out, body);
  return out;
}

Envelope sign_envelope(std::string_view type, Bytes payload, const crypto::SecretKey& key) {
  Envelope envelope{std::string(type), std::move(payload), {}};
  envelope.signatures.push_back(
      {crypto::key_id(key.public_key()), key.sign(pae(envelope.payload_type, envelope.payload))});
  return envelope;
}

bool is_signed_by(const Envelope& envelope, const crypto::PublicKey& key) {
  const Bytes message = pae(envelope.payload_type, envelope.payload);
  for (const auto& signature : envelope.signatures) {
    if (crypto::verify(key, message, signature.signature)) return true;
  }
  return false;
}

std::string to_json(const Envelope& envelope) {
  Json signatures = Json::array();
  for (const auto& signature : envelope.signatures) {
    Json one;
    one.set("keyid", signature.keyid);
    one.set("sig", to_base64(signature.signature));
    signatures.push(std::move(one));
  }
  Json out;
  out.set("payload", to_base64(envelope.payload));
  out.set("payloadType", envelope.payload_type);
  out.set("signatures", std::move(signatures));
  return to_jcs(out);
}

Result<Envelope> parse_envelope(std::string_view json) {
  if (json.size() > envelope_bytes_max) {
    return fail(Kind::exhausted, "envelope.too_large",
                fmt::format("The envelope has {} bytes; {} is the limit.", json.size(),
                            envelope_bytes_max));
  }
  if (auto canonical = read_canonical(json)) return std::move(*canonical);
  const auto value = parse_json(json, {.bytes_max = envelope_bytes_max, .depth_max = 8});
  if (!value) return pass(value);
  Envelope envelope;
  auto payload = any_base64_at(*value, "payload");
  const auto type = text_at(*value, "payloadType");
  if (!payload) return bad("The envelope's payload is missing or is not base64.");
  if (!type) return bad("The envelope's payloadType is missing.");
  envelope.payload = std::move(*payload);
  envelope.payload_type = *type;
  const Json* signatures = value->find("signatures");
  if (signatures == nullptr || signatures->items() == nullptr || signatures->items()->empty()) {
    return bad("The envelope carries no signatures.");
  }
  if (signatures->items()->size() > envelope_signatures_max) {
    return fail(Kind::exhausted, "envelope.too_large", "The envelope carries too many signatures.");
  }
  for (const Json& one : *signatures->items()) {
    auto signature = parse_signature(one);
    if (!signature) return pass(signature);
    envelope.signatures.push_back(std::move(*signature));
  }
  return envelope;
}

}  // namespace cloister::provenance
