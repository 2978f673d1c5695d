#include "transport/signed_message.h"

#include "base/version.h"
#include "crypto/hash.h"

namespace cloister::transport {

SignedMessage sign_message(const crypto::SecretKey& key, protocol::Header header, Bytes body) {
  header.version = protocol_version;
  header.body_digest = crypto::sha256(body);
  Bytes header_bytes = protocol::encode_header(header);
  const crypto::Signature signature = key.sign(protocol::signed_bytes(header_bytes));
  const Digest digest = crypto::sha256(header_bytes);
  return {protocol::encode_envelope({.header_bytes = std::move(header_bytes),
                                     .signature = Bytes(signature.begin(), signature.end()),
                                     .body = std::move(body)}),
          digest};
}

bool is_signed_by(const crypto::PublicKey& key, const UnverifiedMessage& message) {
  return crypto::verify(key, protocol::signed_bytes(message.sealed.header_bytes),
                        message.sealed.signature) &&
         crypto::sha256(message.sealed.body) == message.header.body_digest;
}

}  // namespace cloister::transport
