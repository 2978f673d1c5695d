// Private to the room: what every socket of ours has in common, with the reasons.
#pragma once

#include <string>
#include <zmq.hpp>

#include "crypto/curve_key.h"
#include "transport/address.h"

namespace cloister::transport {

// Limits, time-outs and heartbeats of both sides.
void bound_socket(zmq::socket_t& socket, const Address& address);
// Before bind. The domain switches ZAP on; enforcing it makes an unreachable handler a refusal.
void secure_server(zmq::socket_t& socket, const crypto::CurveKey& key, const std::string& domain);
// Before connect.
void secure_client(zmq::socket_t& socket, const crypto::CurveKey& key,
                   const crypto::CurvePublicKey& server);
// "tcp://127.0.0.1:7400"; port 0 as "*".
[[nodiscard]] std::string zmq_address(const Address& address);

}  // namespace cloister::transport
