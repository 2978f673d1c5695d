// The coordinator's two sockets: one for members, one for newcomers.
//
// Members: ZeroMQ ROUTER over CURVE; the handshake admits bound CURVE keys of members that are not
// revoked (ZAP, RFC 27; domain set and enforced). CURVE says nothing about single messages, so each
// one is checked again, in this order, before the handler sees it:
//
//   1 form        frames, envelope, header within protocol/limits.h   else dropped (no one to
//   answer) 2 version     protocol_version_oldest..protocol_version           else protocol.version
//   3 member      the connection's key is bound to the sender, not revoked   else member.*
//   4 signature   by the sender's signing key, body digest, audience is us   else message.*
//   5 session     the sender's live one, counter strictly rising      else session.*
//   6 permission  protocol::may_call(role, method)                    else member.not_allowed
//   7 body        decodes within limits; payload has the signed digest   else message.*, blob.*
//   8 room        the member has fewer than 64 requests under way     else endpoint.busy
//
// A refusal is answered with Refused (signed, like every reply), counted per code, and closes
// nothing. Sessions and their takeover: see session_table.h.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "crypto/entropy.h"
#include "crypto/identity.h"
#include "protocol/messages.h"
#include "transport/address.h"
#include "transport/event_loop.h"
#include "transport/member_registry.h"

namespace cloister::transport {

enum class ReplyToken : std::uint64_t {};

// For `cloister doctor` and metrics. Keys of the map are our own codes: bounded.
struct EndpointCounts {
  std::uint64_t received = 0;   // messages that arrived, good or not
  std::uint64_t handed_on = 0;  // reached the handler
  std::uint64_t answered = 0;   // replies put on the wire
  std::uint64_t lost = 0;       // replies whose receiver had gone, or was not reading
  std::uint64_t handshakes_refused = 0;
  std::uint64_t dropped = 0;                     // too malformed to answer
  std::map<std::string, std::uint64_t> refused;  // by error code
};

// Everything that an endpoint needs to exist. References must outlive it.
struct EndpointParts {
  EventLoop& loop;
  const crypto::Identity& identity;  // the coordinator's
  crypto::Entropy& entropy;          // for session nonces
};

class Endpoint {
 public:
  struct Incoming {
    ReplyToken token{};
    MemberId member;
    protocol::Role role = protocol::Role::site_agent;
    std::string site;
    protocol::Request request;  // never OpenSession or Enrol
    BytesView payload;          // of BlobChunk, digest checked; valid during the call only
  };
  // Every request must be answered by reply() some time: at once, or later (a held Poll).
  using Handler = std::function<void(Incoming)>;

  // Binds. "address.in_use" if somebody else listens there.
  [[nodiscard]] static Result<std::unique_ptr<Endpoint>> open(const EndpointParts& parts,
                                                              const MemberRegistry& registry,
                                                              const Address& address,
                                                              Handler handler);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // Signs and sends. The payload belongs to BlobData only. Harmless if the asker has gone or was
  // revoked or its session was closed since: it asks again.
  void reply(ReplyToken token, const protocol::Reply& reply, BytesView payload = {});
  void refuse(ReplyToken token, const Error& error);

  [[nodiscard]] const EndpointCounts& counts() const;
  [[nodiscard]] Address bound_address() const;  // with the real port
  struct Inner;

 private:
  explicit Endpoint(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

// For those who are no members yet: any CURVE key may connect, only Enrol is answered. The envelope
// must be signed by the very keys it asks to enrol and come over their CURVE key; tokens and proofs
// are the handler's to judge. At most 20 requests at once and 5 a second, for all newcomers
// together: beyond that they are refused with enrolment.busy.
class EnrolmentEndpoint {
 public:
  using Handler = std::function<void(ReplyToken token, const protocol::Enrol& enrol)>;
  [[nodiscard]] static Result<std::unique_ptr<EnrolmentEndpoint>> open(const EndpointParts& parts,
                                                                       const Address& address,
                                                                       Handler handler);
  ~EnrolmentEndpoint();
  EnrolmentEndpoint(const EnrolmentEndpoint&) = delete;
  EnrolmentEndpoint& operator=(const EnrolmentEndpoint&) = delete;

  void reply(ReplyToken token, const protocol::EnrolmentState& state);
  void refuse(ReplyToken token, const Error& error);

  [[nodiscard]] const EndpointCounts& counts() const;
  [[nodiscard]] Address bound_address() const;
  struct Inner;

 private:
  explicit EnrolmentEndpoint(std::unique_ptr<Inner> inner);
  std::unique_ptr<Inner> inner_;
};

}  // namespace cloister::transport
