#include "transport/client_socket.h"

#include <cstring>
#include <iterator>
#include <vector>
#include <zmq_addon.hpp>

#include "transport/event_loop_inner.h"
#include "transport/socket_options.h"

namespace cloister::transport {
namespace {

constexpr int batch_max = 32;
// TCP may take five seconds and the handshake three.
constexpr Duration attempt_max{9'000};
constexpr int watched_events =
    ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |
    ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_CLOSED |
    ZMQ_EVENT_DISCONNECTED;

Error unreachable(const Address& address) {
  return {Kind::unavailable, "connection.unreachable",
          fmt::format("Nobody answers at {}.", to_string(address)),
          "Check that the coordinator runs there and that a firewall lets this machine out to it."};
}

Error not_a_member(const Address& address) {
  return {
      Kind::unauthenticated, "connection.no_member",
      fmt::format("The coordinator at {} does not know this key, or its membership was revoked.",
                  to_string(address)),
      "Enrol, or use the key file that was enrolled."};
}

Error wrong_server(const Address& address) {
  return {
      Kind::unavailable, "connection.handshake",
      fmt::format("What answers at {} does not hold the coordinator's key.", to_string(address)),
      "Check the address, and the coordinator's key in the membership file."};
}

Error lost(const Address& address) {
  return {Kind::unavailable, "connection.lost",
          fmt::format("The connection to {} was lost.", to_string(address)),
          "It is tried again by itself."};
}

// A frame that keeps its bytes alive until the library has sent them.
zmq::message_t shared_frame(const ClientSocket::Payload& payload) {
  auto* owner = new ClientSocket::Payload(payload);
  const auto release = [](void*, void* hint) { delete static_cast<ClientSocket::Payload*>(hint); };
  // The library only reads what it sends.
  return {const_cast<std::uint8_t*>(payload->data()), payload->size(), release, owner};
}

}  // namespace

ClientSocket::ClientSocket(EventLoop& loop, const crypto::CurveKey& key, Target target,
                           Callbacks callbacks)
    : loop_(loop),
      target_(std::move(target)),
      callbacks_(std::move(callbacks)),
      socket_(loop.inner().context, zmq::socket_type::dealer),
      monitor_(loop.inner().context, zmq::socket_type::pair) {
  try {
    connect(key);
  } catch (const zmq::error_t&) {  // a name that does not resolve, a port of 0
    late_ = loop_.after(Duration(0), [this] { down(unreachable(target_.address)); });
    return;
  }
  late_ = loop_.after(attempt_max, [this] { down(unreachable(target_.address)); });
}

void ClientSocket::connect(const crypto::CurveKey& key) {
  const std::string monitor_address = fmt::format("inproc://monitor-{}", ++loop_.inner().last_id);
  bound_socket(socket_, target_.address);
  secure_client(socket_, key, target_.server);
  if (zmq_socket_monitor(socket_.handle(), monitor_address.c_str(), watched_events) != 0) {
    throw zmq::error_t();
  }
  monitor_.set(zmq::sockopt::linger, 0);
  monitor_.connect(monitor_address);
  monitor_watch_ = loop_.inner().watch_socket(monitor_, [this] { take_events(); });
  socket_watch_ = loop_.inner().watch_socket(socket_, [this] { take_messages(); });
  socket_.connect(zmq_address(target_.address));
}

ClientSocket::~ClientSocket() {
  loop_.cancel(late_);
  loop_.unwatch(socket_watch_);
  loop_.unwatch(monitor_watch_);
  (void)zmq_socket_monitor(socket_.handle(), nullptr, 0);
}

// Frames: event number (u16) and value (u32) of this machine's byte order, then an address.
void ClientSocket::take_events() {
  while (true) {
    std::vector<zmq::message_t> frames;
    if (!zmq::recv_multipart(monitor_, std::back_inserter(frames), zmq::recv_flags::dontwait))
      return;
    if (frames.empty() || frames[0].size() < 2) continue;
    std::uint16_t event = 0;
    std::memcpy(&event, frames[0].data(), sizeof event);
    switch (event) {
      case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        loop_.cancel(late_);
        callbacks_.on_up();
        break;
      case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        down(not_a_member(target_.address));
        break;
      case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
      case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        down(wrong_server(target_.address));
        break;
      case ZMQ_EVENT_DISCONNECTED:
        down(lost(target_.address));
        break;
      default:
        down(unreachable(target_.address));
    }
  }
}

void ClientSocket::take_messages() {
  for (int i = 0; i < batch_max; ++i) {
    std::vector<zmq::message_t> frames;
    if (!zmq::recv_multipart(socket_, std::back_inserter(frames), zmq::recv_flags::dontwait))
      return;
    if (frames.empty() || frames.size() > 2) continue;
    const auto view = [](const zmq::message_t& frame) {
      return BytesView(frame.data<std::uint8_t>(), frame.size());
    };
    callbacks_.on_message(view(frames[0]), frames.size() == 2 ? view(frames[1]) : BytesView{});
  }
}

void ClientSocket::down(Error error) {
  if (is_down_) return;
  is_down_ = true;
  callbacks_.on_down(std::move(error));
}

bool ClientSocket::send(BytesView envelope, const Payload& payload) {
  try {
    const auto more = payload ? zmq::send_flags::sndmore : zmq::send_flags::none;
    const zmq::const_buffer head(envelope.data(), envelope.size());
    if (!socket_.send(head, zmq::send_flags::dontwait | more)) return false;
    if (!payload) return true;
    // The second frame of a message follows the first whatever the queue's length.
    zmq::message_t tail = shared_frame(payload);
    return socket_.send(tail, zmq::send_flags::dontwait).has_value();
  } catch (const zmq::error_t&) {
    return false;
  }
}

}  // namespace cloister::transport
