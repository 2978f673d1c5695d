// DSSE v1.0.2 envelopes: the signed form of every record.
//
// PAE(type, body) = "DSSEv1" SP LEN(type) SP type SP LEN(body) SP body, LEN in ASCII decimal.
// The signature covers the PAE, so nobody needs canonical JSON to verify it. The `keyid` is a hint
// and never decides anything: signatures are tried against keys that the verifier already trusts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/result.h"
#include "crypto/sign.h"

namespace cloister::provenance {

inline constexpr std::string_view statement_payload_type = "application/vnd.in-toto+json";
// One record with its base64 overhead; larger ones are refused before they are parsed.
inline constexpr std::size_t envelope_bytes_max = 1U << 20;
inline constexpr std::size_t envelope_signatures_max = 8;

struct EnvelopeSignature {
  std::string keyid;  // lower-case hexadecimal SHA-256 of the signer's DER SPKI; unauthenticated
  crypto::Signature signature{};
  friend bool operator==(const EnvelopeSignature&, const EnvelopeSignature&) = default;
};

struct Envelope {
  std::string payload_type;
  Bytes payload;  // the very bytes that were signed; never written anew
  std::vector<EnvelopeSignature> signatures;
  friend bool operator==(const Envelope&, const Envelope&) = default;
};

[[nodiscard]] Bytes pae(std::string_view type, BytesView body);

[[nodiscard]] Envelope sign_envelope(std::string_view type, Bytes payload,
                                     const crypto::SecretKey& key);
// True if any signature of the envelope is this key's over the PAE.
[[nodiscard]] bool is_signed_by(const Envelope& envelope, const crypto::PublicKey& key);

// {"payload":..,"payloadType":..,"signatures":[{"keyid":..,"sig":..}]} in JCS spelling.
[[nodiscard]] std::string to_json(const Envelope& envelope);
// Strict JSON; standard and URL-safe base64; unknown fields ignored as the specification asks.
// Errors "envelope.format", "envelope.too_large", and those of parse_json.
[[nodiscard]] Result<Envelope> parse_envelope(std::string_view json);

}  // namespace cloister::provenance
