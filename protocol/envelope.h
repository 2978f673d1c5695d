// The signed wrapper around every message between processes (docs/formats.md, "Message envelope").
//
// CURVE keeps outsiders out but proves nothing to third parties and nothing across connections, so
// every message is signed as well: sender, audience, session, counter, time and the hash of the
// body. A receiver accepts only strictly increasing counters within the one session that it opened
// itself with a random nonce; since that nonce lives in its memory, a restart closes every session
// and a recorded message is worth nothing afterwards.
//
// Layout: Envelope{header bytes, signature, body bytes} in Protocol Buffers; the signature is made
// over "cloister/message/v1\n" followed by the header bytes exactly as sent (protobuf serialisation
// is not canonical, so bytes are signed, never re-encoded values).
#pragma once

#include <cstdint>
#include <functional>
#include <variant>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/ids.h"
#include "base/time.h"
#include "protocol/messages.h"

namespace cloister::protocol {

struct Header {
  std::uint32_t version = 0;  // protocol_version of the sender
  MemberId sender;
  MemberId audience;
  Bytes session;  // 16 bytes; empty only in OpenSession and Enrol
  std::uint64_t counter =
      0;              // strictly increasing within the session; a reply repeats its request's
  Instant issued_at;  // informative: never decides
  std::uint32_t method = 0;  // 1-based index in Request, or 1000 + index in Reply
  Digest body_digest;        // SHA-256 of the body bytes
  Digest in_reply_to;        // reply: SHA-256 of the request's header bytes; request: zero
  friend bool operator==(const Header&, const Header&) = default;
};

// Still unverified: nothing in it may be believed before its signature is checked.
struct SealedMessage {
  Bytes header_bytes;
  Bytes signature;  // 64 bytes
  Bytes body;
  friend bool operator==(const SealedMessage&, const SealedMessage&) = default;
};

// What the signature covers.
[[nodiscard]] Bytes signed_bytes(BytesView header_bytes);

[[nodiscard]] Bytes encode_header(const Header& header);
[[nodiscard]] Result<Header> decode_header(BytesView bytes);
[[nodiscard]] Bytes encode_envelope(const SealedMessage& message);
[[nodiscard]] Result<SealedMessage> decode_envelope(BytesView bytes);

[[nodiscard]] std::uint32_t method_of(const Request& request);
[[nodiscard]] std::uint32_t method_of(const Reply& reply);
// "Poll", "Submit", ... for logs and metrics.
[[nodiscard]] std::string_view method_name(std::uint32_t method);

// Bodies. Decoding refuses unknown fields, values out of range, counts and sizes above
// protocol/limits.h ("message.*" codes), and never allocates more than a small multiple of the
// input.
[[nodiscard]] Bytes encode(const Request& request);
[[nodiscard]] Bytes encode(const Reply& reply);
[[nodiscard]] Result<Request> decode_request(std::uint32_t method, BytesView body);
[[nodiscard]] Result<Reply> decode_reply(std::uint32_t method, BytesView body);

// What a newcomer signs to prove that it holds its secret keys (Enrol::proof):
// "cloister/enrol/v1\n" || SHA-256 of the token secret || member || 0 || role || 0 || site || 0 ||
// keys.
[[nodiscard]] Bytes enrolment_claim(const Digest& token_hash, const Enrol& enrol);

}  // namespace cloister::protocol
