#include "transport/event_loop.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "transport/event_loop_inner.h"

namespace cloister::transport {
namespace {

constexpr Duration longest_sleep{60'000};

}  // namespace

EventLoop::EventLoop(const Clock& clock) : inner_(std::make_unique<Inner>(clock)) {}
EventLoop::~EventLoop() = default;

Instant EventLoop::now() const { return inner_->now; }
Duration EventLoop::monotonic() const { return inner_->monotonic; }

TimerId EventLoop::after(Duration delay, std::function<void()> callback) {
  // A delay of "for ever" must not overflow.
  const Duration bounded = std::min(delay, Duration(std::chrono::hours(24 * 365)));
  const std::uint64_t id = ++inner_->last_id;
  const Inner::TimerKey key{inner_->monotonic + bounded, id};
  inner_->timers.emplace(key, std::move(callback));
  inner_->timer_keys.emplace(id, key);
  return TimerId{id};
}

void EventLoop::cancel(TimerId timer) {
  const auto found = inner_->timer_keys.find(static_cast<std::uint64_t>(timer));
  if (found == inner_->timer_keys.end()) return;
  inner_->timers.erase(found->second);
  inner_->timer_keys.erase(found);
}

WatchId EventLoop::watch(int descriptor, std::function<void(Readiness)> callback) {
  zmq::pollitem_t item{};
  item.fd = descriptor;
  item.events = ZMQ_POLLIN;
  return inner_->add(item, std::move(callback));
}

void EventLoop::want_writable(WatchId watch, bool wanted) {
  const auto found = inner_->sources.find(watch);
  if (found == inner_->sources.end()) return;
  found->second->item.events = static_cast<short>(wanted ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN);
}

void EventLoop::unwatch(WatchId watch) { inner_->sources.erase(watch); }

void EventLoop::run() {
  while (!inner_->stopping) inner_->wake_up(longest_sleep);
  inner_->stopping = false;
}

bool EventLoop::run_until(const std::function<bool()>& done, Duration limit) {
  inner_->take_time();
  const Duration end =
      limit > Duration(std::chrono::hours(24 * 365)) ? Duration::max() : inner_->monotonic + limit;
  while (!inner_->stopping && !done() && inner_->monotonic < end) {
    inner_->wake_up(end - inner_->monotonic);
  }
  inner_->stopping = false;
  return done();
}

void EventLoop::stop() { inner_->stopping = true; }

WatchId EventLoop::Inner::watch_socket(zmq::socket_t& socket, std::function<void()> readable) {
  zmq::pollitem_t item{};
  item.socket = socket.handle();
  item.events = ZMQ_POLLIN;
  return add(item, [call = std::move(readable)](Readiness) { call(); });
}

WatchId EventLoop::Inner::add(zmq::pollitem_t item, std::function<void(Readiness)> callback) {
  const WatchId id{++last_id};
  sources.emplace(id, std::make_shared<Source>(Source{item, std::move(callback)}));
  return id;
}

ZapHandler& EventLoop::Inner::zap() {
  if (!zap_handler) zap_handler = std::make_unique<ZapHandler>(*this);
  return *zap_handler;
}

void EventLoop::Inner::wake_up(Duration limit) {
  Duration sleep = std::min(limit, longest_sleep);
  if (!timers.empty()) sleep = std::min(sleep, timers.begin()->first.first - clock.monotonic());
  sleep = std::max(sleep, Duration(0));
  std::vector<zmq::pollitem_t> items;
  std::vector<WatchId> ids;
  for (const auto& [id, source] : sources) {
    items.push_back(source->item);
    ids.push_back(id);
  }
  try {
    zmq::poll(items, sleep);
  } catch (const zmq::error_t& error) {
    if (error.num() != EINTR) throw;  // a descriptor of ours is broken: a programmer's mistake
  }
  take_time();
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].revents == 0) continue;
    const auto found = sources.find(ids[i]);
    if (found == sources.end()) continue;  // unwatched by an earlier callback
    const auto source = found->second;     // stays alive even if it unwatches itself
    source->callback({.readable = (items[i].revents & (ZMQ_POLLIN | ZMQ_POLLERR)) != 0,
                      .writable = (items[i].revents & ZMQ_POLLOUT) != 0});
  }
  fire_timers();
}

void EventLoop::Inner::fire_timers() {
  const std::uint64_t newest = last_id;  // timers set by these callbacks wait for the next wake-up
  auto next = timers.begin();
  while (next != timers.end() && next->first.first <= monotonic) {
    if (next->first.second > newest) {
      ++next;
      continue;
    }
    auto callback = std::move(next->second);
    timer_keys.erase(next->first.second);
    timers.erase(next);
    callback();
    next = timers.begin();
  }
}

Result<std::unique_ptr<SignalWatch>> SignalWatch::open(EventLoop& loop,
                                                       const std::vector<int>& signals,
                                                       std::function<void(int)> callback) {
  sigset_t set;
  sigemptyset(&set);
  for (int signal : signals) sigaddset(&set, signal);
  const int blocked = pthread_sigmask(SIG_BLOCK, &set, nullptr);
  const int descriptor = blocked == 0 ? signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC) : -1;
  if (descriptor < 0) {
    return fail(Kind::unavailable, "signals.unavailable",
                fmt::format("Signals cannot be watched: {}.", std::strerror(errno)),
                "The system is probably out of file descriptors.");
  }
  auto watch = std::unique_ptr<SignalWatch>(new SignalWatch(loop, descriptor));
  watch->watch_ = loop.watch(descriptor, [descriptor, call = std::move(callback)](Readiness) {
    signalfd_siginfo info{};
    while (read(descriptor, &info, sizeof info) == sizeof info) {
      call(static_cast<int>(info.ssi_signo));
    }
  });
  return watch;
}

SignalWatch::~SignalWatch() {
  loop_.unwatch(watch_);
  close(descriptor_);
}

}  // namespace cloister::transport
