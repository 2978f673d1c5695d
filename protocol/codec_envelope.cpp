#include <array>

#include "base/version.h"
#include "protocol/codec_fields.h"
#include "protocol/codec_wire.h"
#include "protocol/envelope.h"
#include "protocol/envelope.pb.h"
#include "protocol/limits.h"

namespace cloister::protocol {
namespace {

constexpr std::string_view message_domain = "cloister/message/v1\n";
constexpr std::string_view enrolment_domain = "cloister/enrol/v1\n";
constexpr std::size_t header_bytes_max = 1024;
constexpr std::size_t signature_bytes = 64;

// Another version may have other fields, so its number is looked for before anything is refused.
// Field 1, varint: by the rules of envelope.proto the first byte is 0x08.
bool speaks_other_version(BytesView header, std::uint32_t& version) {
  if (header.size() < 2 || header[0] != 0x08) return false;
  std::uint64_t value = 0;
  for (std::size_t i = 1; i < header.size() && i < 6; ++i) {
    value |= static_cast<std::uint64_t>(header[i] & 0x7f) << (7 * (i - 1));
    if ((header[i] & 0x80) != 0) continue;
    version = static_cast<std::uint32_t>(value);
    return version < protocol_version_oldest || version > protocol_version;
  }
  return false;
}

tl::unexpected<Error> wrong_version(std::uint32_t theirs) {
  const bool older = theirs < protocol_version_oldest;
  return fail(Kind::unsupported, "protocol.version",
              fmt::format("The other side speaks protocol version {}; this one ({}) speaks {} to "
                          "{}.",
                          theirs, program_version(), protocol_version_oldest, protocol_version),
              older ? "Upgrade the side with the older version."
                    : "Upgrade this side, or use an older program on the other.");
}

}  // namespace

Bytes signed_bytes(BytesView header_bytes) {
  Bytes bytes = to_bytes(message_domain);
  append(bytes, header_bytes);
  return bytes;
}

Bytes encode_header(const Header& header) {
  v1::Header wire;
  wire.set_version(header.version);
  wire.set_sender(header.sender.text());
  wire.set_audience(header.audience.text());
  wire.set_session(codec::to_string(header.session));
  wire.set_counter(header.counter);
  wire.set_issued_at_ms(header.issued_at.unix_milliseconds());
  wire.set_method(header.method);
  wire.set_body_digest(codec::to_string(header.body_digest));
  wire.set_in_reply_to(codec::optional_to_string(header.in_reply_to));
  return codec::serialise(wire);
}

Result<Header> decode_header(BytesView bytes) {
  std::uint32_t version = 0;
  if (speaks_other_version(bytes, version)) return wrong_version(version);
  v1::Header wire;
  if (auto parsed = codec::parse(bytes, header_bytes_max, wire); !parsed) return pass(parsed);
  if (wire.version() < protocol_version_oldest || wire.version() > protocol_version) {
    return wrong_version(wire.version());
  }
  codec::Fields fields;
  Header header{.version = wire.version(),
                .sender = fields.id<MemberId>("sender", wire.sender()),
                .audience = fields.id<MemberId>("audience", wire.audience()),
                .session = fields.none_or("session", wire.session(), limits::nonce_bytes),
                .counter = wire.counter(),
                .issued_at = Instant(wire.issued_at_ms()),
                .method = wire.method(),
                .body_digest = fields.digest("body_digest", wire.body_digest()),
                .in_reply_to = fields.optional_digest("in_reply_to", wire.in_reply_to())};
  if (fields.error()) return tl::unexpected<Error>(*fields.error());
  return header;
}

Bytes encode_envelope(const SealedMessage& message) {
  v1::Envelope wire;
  wire.set_header(codec::to_string(message.header_bytes));
  wire.set_signature(codec::to_string(message.signature));
  wire.set_body(codec::to_string(message.body));
  return codec::serialise(wire);
}

Result<SealedMessage> decode_envelope(BytesView bytes) {
  v1::Envelope wire;
  if (auto parsed = codec::parse(bytes, limits::message_bytes_max, wire); !parsed) {
    return pass(parsed);
  }
  codec::Fields fields;
  SealedMessage message{.header_bytes = fields.bytes("header", wire.header(), header_bytes_max),
                        .signature = fields.exactly("signature", wire.signature(), signature_bytes),
                        .body = to_bytes(wire.body())};
  if (fields.error()) return tl::unexpected<Error>(*fields.error());
  return message;
}

Bytes enrolment_claim(const Digest& token_hash, const Enrol& enrol) {
  Bytes claim = to_bytes(enrolment_domain);
  append(claim, token_hash.view());
  const std::array<std::string_view, 3> words{enrol.member.text(), to_string(enrol.role),
                                              enrol.site};
  for (std::string_view word : words) {
    append(claim, as_bytes(word));
    claim.push_back(0);
  }
  append(claim, enrol.keys.sign);
  append(claim, enrol.keys.seal);
  append(claim, enrol.keys.curve);
  return claim;
}

}  // namespace cloister::protocol
