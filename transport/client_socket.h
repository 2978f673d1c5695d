// Private to the room: one attempt to reach the coordinator, from dialling to the end of the
// connection. A new attempt is a new object: nothing is left over from the one before.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <zmq.hpp>

#include "crypto/curve_key.h"
#include "transport/address.h"
#include "transport/event_loop.h"

namespace cloister::transport {

class ClientSocket {
 public:
  // on_down comes at most once, and the object may not be destroyed inside any of them: do it from
  // a timer.
  struct Callbacks {
    std::function<void()> on_up;  // CURVE handshake done: the other side holds the expected key
    std::function<void(Error)> on_down;
    std::function<void(BytesView envelope, BytesView payload)> on_message;
  };
  struct Target {
    Address address;
    crypto::CurvePublicKey server;
  };

  ClientSocket(EventLoop& loop, const crypto::CurveKey& key, Target target, Callbacks callbacks);
  ~ClientSocket();
  ClientSocket(const ClientSocket&) = delete;
  ClientSocket& operator=(const ClientSocket&) = delete;

  // False if the queue is full: try again later. The payload (may be null) is shared with the
  // library's thread, not copied.
  using Payload = std::shared_ptr<const Bytes>;
  [[nodiscard]] bool send(BytesView envelope, const Payload& payload);

 private:
  void connect(const crypto::CurveKey& key);
  void take_events();
  void take_messages();
  void down(Error error);

  EventLoop& loop_;
  Target target_;
  Callbacks callbacks_;
  zmq::socket_t socket_;
  zmq::socket_t monitor_;
  WatchId socket_watch_{};
  WatchId monitor_watch_{};
  TimerId late_{};
  bool is_down_ = false;
};

}  // namespace cloister::transport
