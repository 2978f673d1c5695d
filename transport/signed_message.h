// Private to the room: envelopes made and opened with keys. Pure.
#pragma once

#include "base/bytes.h"
#include "base/digest.h"
#include "crypto/sign.h"
#include "protocol/envelope.h"

namespace cloister::transport {

struct SignedMessage {
  Bytes envelope;        // for the wire
  Digest header_digest;  // what a reply's in_reply_to must be
};
// Fills in version and body digest, signs.
[[nodiscard]] SignedMessage sign_message(const crypto::SecretKey& key, protocol::Header header,
                                         Bytes body);

struct UnverifiedMessage {
  protocol::Header header;
  protocol::SealedMessage sealed;
};
// True if `key` signed the header and the header names exactly this body.
[[nodiscard]] bool is_signed_by(const crypto::PublicKey& key, const UnverifiedMessage& message);

}  // namespace cloister::transport
