#include "transport/socket_options.h"

#include "protocol/limits.h"

namespace cloister::transport {

void bound_socket(zmq::socket_t& socket, const Address& address) {
  using namespace zmq;
  // The library's default is "no limit": one frame could fill the memory.
  socket.set(sockopt::maxmsgsize, static_cast<std::int64_t>(protocol::limits::frame_bytes_max));
  // Messages that one peer may have queued here: twice a full credit of chunks, 17 MiB at most.
  socket.set(sockopt::rcvhwm, 2 * static_cast<int>(protocol::limits::chunk_credit));
  // Answers that wait for a slow reader: all that one member may have under way, and some refusals.
  // What does not fit is lost, and asked for again.
  socket.set(sockopt::sndhwm, 96);
  // Half-open connections are dropped after this (the default of 30 s would let them pile up).
  socket.set(sockopt::handshake_ivl, 3'000);
  // Finds dead peers below common NAT idle limits. The time-out leaves room for one full frame on a
  // slow line.
  socket.set(sockopt::heartbeat_ivl, 5'000);
  socket.set(sockopt::heartbeat_timeout, 30'000);
  socket.set(sockopt::heartbeat_ttl, 60'000);
  // Last words (a final receipt) get half a second when a process ends.
  socket.set(sockopt::linger, 500);
  socket.set(sockopt::ipv6, address.host.find(':') != std::string::npos);
}

void secure_server(zmq::socket_t& socket, const crypto::CurveKey& key, const std::string& domain) {
  using namespace zmq;
  socket.set(sockopt::curve_server, true);
  socket.set(sockopt::curve_secretkey, as_text(key.secret()));
  socket.set(sockopt::zap_domain, domain);
  // ZMQ_ZAP_ENFORCE_DOMAIN: the library knows it, its header names it in draft builds only.
  constexpr int zap_enforce_domain = 93;
  const int enforce = 1;
  if (zmq_setsockopt(socket.handle(), zap_enforce_domain, &enforce, sizeof enforce) != 0) {
    throw zmq::error_t();
  }
  socket.set(sockopt::backlog, 256);
  // Unroutable replies are errors that we see; nobody takes over another's connection.
  socket.set(sockopt::router_mandatory, true);
  socket.set(sockopt::router_handover, false);
}

void secure_client(zmq::socket_t& socket, const crypto::CurveKey& key,
                   const crypto::CurvePublicKey& server) {
  using namespace zmq;
  socket.set(sockopt::curve_serverkey, as_text(server.view()));
  socket.set(sockopt::curve_publickey, as_text(key.public_key().view()));
  socket.set(sockopt::curve_secretkey, as_text(key.secret()));
  // Dialling again is the connection's own business: it knows why and how long to wait.
  socket.set(sockopt::reconnect_ivl, -1);
  socket.set(sockopt::connect_timeout, 5'000);
}

std::string zmq_address(const Address& address) {
  if (address.port != 0) return "tcp://" + to_string(address);
  const std::string text = to_string(address);
  return "tcp://" + text.substr(0, text.size() - 1) + "*";
}

}  // namespace cloister::transport
