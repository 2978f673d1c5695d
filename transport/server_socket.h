// Private to the room: a ROUTER socket over CURVE and the form of what arrives on it.
//
// Does what both endpoints have in common: receiving in bounded batches, dropping what is not even
// a message, refusing other versions, and signing replies. Who may say what is the owners'
// business.
#pragma once

#include <functional>
#include <memory>
#include <zmq.hpp>

#include "transport/endpoint.h"
#include "transport/signed_message.h"
#include "transport/zap.h"

namespace cloister::transport {

// Where a reply goes and what it answers.
struct Asked {
  Bytes route;
  MemberId sender;
  Bytes session;
  std::uint64_t counter = 0;
  std::uint32_t method = 0;
  Digest header_digest;
};

struct Arrived {
  Asked asked;
  crypto::CurvePublicKey connection_key;  // proven by the handshake
  UnverifiedMessage message;
  bool has_payload = false;
  BytesView payload;  // valid during the call
};

class ServerSocket {
 public:
  struct Setup {
    Address address;
    std::string domain;
    ZapHandler::Admit admit;
    std::function<void(Arrived&)> on_arrived;
  };
  ServerSocket(const EndpointParts& parts, Setup setup);
  ~ServerSocket();
  ServerSocket(const ServerSocket&) = delete;
  ServerSocket& operator=(const ServerSocket&) = delete;

  [[nodiscard]] Result<void> bind();
  void send(const Asked& asked, const protocol::Reply& reply, BytesView payload = {});
  // Counted by code, and answered.
  void refuse(const Asked& asked, const Error& error);

  [[nodiscard]] Address bound_address() const;
  EndpointCounts counts;

 private:
  void receive_batch();
  void take(std::vector<zmq::message_t>& frames);

  EndpointParts parts_;
  Setup setup_;
  zmq::socket_t socket_;
  WatchId watch_{};
};

}  // namespace cloister::transport
