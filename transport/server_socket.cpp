#include "transport/server_socket.h"

#include <cerrno>
#include <iterator>
#include <vector>
#include <zmq_addon.hpp>

#include "base/log.h"
#include "crypto/hash.h"
#include "protocol/limits.h"
#include "transport/event_loop_inner.h"
#include "transport/socket_options.h"

namespace cloister::transport {
namespace {

// Messages taken in one wake-up, before timers and other sockets get their turn.
constexpr int batch_max = 32;

BytesView view(const zmq::message_t& frame) { return {frame.data<std::uint8_t>(), frame.size()}; }

// The CURVE key that the handshake proved, as our ZAP handler noted it.
Result<crypto::CurvePublicKey> connection_key(const zmq::message_t& frame) {
  const char* user = zmq_msg_gets(frame.handle(), "User-Id");
  auto bytes = from_hex(user == nullptr ? "" : user);
  if (!bytes) return pass(bytes);
  return crypto::curve_public_key_from_bytes(*bytes);
}

Error bind_error(const Address& address, const zmq::error_t& error) {
  const std::string where = to_string(address);
  if (error.num() == EADDRINUSE) {
    return {Kind::conflict, "address.in_use",
            fmt::format("Another program already listens on {}.", where),
            "Stop it, or configure another port; `ss -ltnp` shows who it is."};
  }
  if (error.num() == EACCES) {
    return {Kind::forbidden, "address.not_allowed",
            fmt::format("This user may not listen on {}.", where), "Use a port above 1023."};
  }
  return {Kind::unavailable, "address.not_here",
          fmt::format("Nothing can listen on {}: {}.", where, error.what()),
          "Use an address of this machine, or * for every interface."};
}

}  // namespace

ServerSocket::ServerSocket(const EndpointParts& parts, Setup setup)
    : parts_(parts),
      setup_(std::move(setup)),
      socket_(parts.loop.inner().context, zmq::socket_type::router) {}

ServerSocket::~ServerSocket() {
  parts_.loop.unwatch(watch_);
  parts_.loop.inner().zap().forget(setup_.domain);
}

Result<void> ServerSocket::bind() {
  // The handler first: without one, a handshake would find nobody to ask.
  parts_.loop.inner().zap().serve(setup_.domain, setup_.admit, &counts.handshakes_refused);
  try {
    bound_socket(socket_, setup_.address);
    secure_server(socket_, parts_.identity.curve, setup_.domain);
    socket_.bind(zmq_address(setup_.address));
  } catch (const zmq::error_t& error) {
    return tl::unexpected<Error>(bind_error(setup_.address, error));
  }
  watch_ = parts_.loop.inner().watch_socket(socket_, [this] { receive_batch(); });
  return {};
}

void ServerSocket::receive_batch() {
  for (int i = 0; i < batch_max; ++i) {
    std::vector<zmq::message_t> frames;
    if (!zmq::recv_multipart(socket_, std::back_inserter(frames), zmq::recv_flags::dontwait))
      return;
    ++counts.received;
    take(frames);
  }
}

// Frames: the route that libzmq made up, the envelope, perhaps a payload.
void ServerSocket::take(std::vector<zmq::message_t>& frames) {
  const bool formed = frames.size() == 2 || frames.size() == 3;
  const auto key = formed ? connection_key(frames[1]) : fail(Kind::corrupt, "message.frames", "");
  auto sealed =
      key ? protocol::decode_envelope(view(frames[1])) : fail(Kind::corrupt, "message.frames", "");
  if (!sealed) {
    ++counts.dropped;
    return;
  }
  Arrived arrived{.connection_key = *key, .has_payload = frames.size() == 3};
  const BytesView route = view(frames[0]);
  arrived.asked.route = Bytes(route.begin(), route.end());
  arrived.asked.header_digest = crypto::sha256(sealed->header_bytes);
  if (arrived.has_payload) arrived.payload = view(frames[2]);
  auto header = protocol::decode_header(sealed->header_bytes);
  if (!header && header.error().code == "protocol.version") {
    refuse(arrived.asked, header.error());
    return;
  }
  if (!header) {
    ++counts.dropped;
    return;
  }
  arrived.asked.sender = header->sender;
  arrived.asked.session = header->session;
  arrived.asked.counter = header->counter;
  arrived.asked.method = header->method;
  arrived.message = {std::move(*header), std::move(*sealed)};
  setup_.on_arrived(arrived);
}

void ServerSocket::send(const Asked& asked, const protocol::Reply& reply, BytesView payload) {
  if (const auto* refused = std::get_if<protocol::Refused>(&reply)) {
    ++counts.refused[refused->error.code];  // by whomever: this endpoint, the core, the ledger
    log_debug("request.refused", {{"request", short_hex(asked.header_digest)},
                                  {"member", asked.sender.text()},
                                  {"method", std::string(protocol::method_name(asked.method))},
                                  {"code", refused->error.code}});
  }
  Bytes body = protocol::encode(reply);
  // Room for header, signature and framing.
  if (body.size() + 2048 > protocol::limits::message_bytes_max) {
    refuse(asked,
           {Kind::exhausted, "message.too_large",
            fmt::format("The answer has {} bytes and does not fit one message.", body.size()),
            "Ask for less at once."});
    return;
  }
  // Someone whose version we cannot read has no name for us; the answer names ourselves.
  const MemberId& audience = asked.sender.empty() ? parts_.identity.id : asked.sender;
  const SignedMessage message = sign_message(parts_.identity.sign,
                                             {.sender = parts_.identity.id,
                                              .audience = audience,
                                              .session = asked.session,
                                              .counter = asked.counter,
                                              .issued_at = parts_.loop.now(),
                                              .method = protocol::method_of(reply),
                                              .in_reply_to = asked.header_digest},
                                             std::move(body));
  std::vector<zmq::const_buffer> frames{zmq::buffer(asked.route), zmq::buffer(message.envelope)};
  if (std::holds_alternative<protocol::BlobData>(reply)) {
    frames.emplace_back(payload.data(), payload.size());
  }
  try {
    // Never waits: a peer that does not read loses its answer and asks again.
    const auto sent = zmq::send_multipart(socket_, frames, zmq::send_flags::dontwait);
    ++(sent ? counts.answered : counts.lost);
  } catch (const zmq::error_t&) {
    ++counts.lost;  // gone (EHOSTUNREACH)
  }
}

void ServerSocket::refuse(const Asked& asked, const Error& error) {
  send(asked, protocol::Refused{error});
}

Address ServerSocket::bound_address() const {
  auto bound = address_from_text(socket_.get(zmq::sockopt::last_endpoint));
  return bound.value_or(setup_.address);
}

}  // namespace cloister::transport
