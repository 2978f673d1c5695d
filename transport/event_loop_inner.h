// Private to the room: the inside of the event loop, for those who own ZeroMQ sockets.
#pragma once

#include <map>
#include <memory>
#include <zmq.hpp>

#include "transport/event_loop.h"
#include "transport/zap.h"

namespace cloister::transport {

struct EventLoop::Inner {
  explicit Inner(const Clock& of) : clock(of) { take_time(); }

  void take_time() {
    now = clock.now();
    monotonic = clock.monotonic();
  }
  // The socket must be unwatched before it is closed.
  WatchId watch_socket(zmq::socket_t& socket, std::function<void()> readable);
  WatchId add(zmq::pollitem_t item, std::function<void(Readiness)> callback);
  // One handler a context (RFC 27); started by the first endpoint, before it binds.
  ZapHandler& zap();
  void wake_up(Duration limit);
  void fire_timers();

  struct Source {
    zmq::pollitem_t item{};
    std::function<void(Readiness)> callback;
  };
  using TimerKey = std::pair<Duration, std::uint64_t>;

  const Clock& clock;
  zmq::context_t context{1};
  Instant now;
  Duration monotonic{0};
  bool stopping = false;
  std::uint64_t last_id = 0;
  std::map<TimerKey, std::function<void()>> timers;
  std::map<std::uint64_t, TimerKey> timer_keys;
  std::map<WatchId, std::shared_ptr<Source>> sources;
  std::unique_ptr<ZapHandler> zap_handler;
};

}  // namespace cloister::transport
