// Private to the room: who may finish a CURVE handshake (ZeroMQ RFC 27).
//
// Asked by libzmq inside our own process, through an inproc socket that the loop serves. Knows one
// rule for each domain; a request for another domain or mechanism is refused. The admitted
// connection carries the hex of its CURVE key as "User-Id" with every message.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <zmq.hpp>

#include "crypto/curve_key.h"
#include "transport/event_loop.h"

namespace cloister::transport {

class ZapHandler {
 public:
  using Admit = std::function<bool(const crypto::CurvePublicKey&)>;

  explicit ZapHandler(EventLoop::Inner& loop);
  ~ZapHandler();
  ZapHandler(const ZapHandler&) = delete;
  ZapHandler& operator=(const ZapHandler&) = delete;

  // Before the socket of that domain binds; `refused` counts, and outlives the rule.
  void serve(const std::string& domain, Admit admit, std::uint64_t* refused);
  void forget(const std::string& domain) { rules_.erase(domain); }

 private:
  struct Rule {
    Admit admit;
    std::uint64_t* refused = nullptr;
  };
  void answer_all();
  void answer(const std::vector<zmq::message_t>& frames);

  EventLoop::Inner& loop_;
  zmq::socket_t socket_;
  WatchId watch_{};
  std::map<std::string, Rule> rules_;
};

}  // namespace cloister::transport
