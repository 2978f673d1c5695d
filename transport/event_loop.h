// The one thread of a process that owns its mutable state: waits for sockets, file descriptors and
// timers, and calls back one at a time. Nothing here may be called from another thread.
//
// `now` and `monotonic` are taken once per wake-up, so that everything handled in it sees one
// instant. Each source gives at most a bounded batch per wake-up: a flooding peer cannot starve a
// timer. Callbacks must not block for long: the handshakes of new peers are answered by this thread
// as well and give up after three seconds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "base/result.h"
#include "base/time.h"

namespace cloister::transport {

enum class TimerId : std::uint64_t {};
enum class WatchId : std::uint64_t {};

struct Readiness {
  bool readable = false;  // or closed by the other side: read to find out
  bool writable = false;
};

class EventLoop {
 public:
  // `clock` must outlive the loop.
  explicit EventLoop(const Clock& clock);
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Of the present wake-up; the same value until the next one.
  [[nodiscard]] Instant now() const;
  [[nodiscard]] Duration monotonic() const;

  // One shot, on the monotonic clock. A delay of zero means "in the next wake-up". Cancelling a
  // timer that has fired is harmless.
  TimerId after(Duration delay, std::function<void()> callback);
  void cancel(TimerId timer);

  // Calls back while the descriptor is readable (level-triggered), and while it is writable if
  // asked for. The caller keeps the descriptor open until unwatch(), which may be called from
  // inside the callback.
  WatchId watch(int descriptor, std::function<void(Readiness)> callback);
  void want_writable(WatchId watch, bool wanted);
  void unwatch(WatchId watch);

  // Runs until stop(). May be run again afterwards.
  void run();
  // Runs until `done` is true (asked after every wake-up) or `limit` has passed; true: done.
  bool run_until(const std::function<bool()>& done, Duration limit);
  void stop();

  // For the sockets of this room only; defined in a header that is private to it.
  struct Inner;
  [[nodiscard]] Inner& inner() { return *inner_; }

 private:
  std::unique_ptr<Inner> inner_;
};

// Turns the given signals (SIGINT, SIGTERM, SIGCHLD, ...) into a callback on the loop, through a
// signalfd. Call before any other thread exists: the signals are blocked for the process.
class SignalWatch {
 public:
  [[nodiscard]] static Result<std::unique_ptr<SignalWatch>> open(EventLoop& loop,
                                                                 const std::vector<int>& signals,
                                                                 std::function<void(int)> callback);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  SignalWatch(EventLoop& loop, int descriptor) : loop_(loop), descriptor_(descriptor) {}
  EventLoop& loop_;
  int descriptor_;
  WatchId watch_{};
};

}  // namespace cloister::transport
