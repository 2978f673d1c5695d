#include "transport/event_loop.h"

#include <unistd.h>
#include <catch2/catch.hpp>
#include <csignal>
#include <string>

using namespace cloister;
using namespace cloister::transport;

TEST_CASE("timers fire in order, once, and not when cancelled", "[transport]") {
  SystemClock clock;
  EventLoop loop(clock);
  std::string order;
  loop.after(Duration(30), [&] { order += "c"; });
  loop.after(Duration(10), [&] { order += "a"; });
  const TimerId gone = loop.after(Duration(15), [&] { order += "x"; });
  loop.after(Duration(20), [&] { order += "b"; });
  loop.cancel(gone);
  loop.cancel(gone);
  CHECK(loop.run_until([&] { return order.size() == 3; }, Duration(5'000)));
  CHECK_FALSE(loop.run_until([&] { return order.size() > 3; }, Duration(50)));
  CHECK(order == "abc");
}

TEST_CASE("a timer that sets itself again starves nothing", "[transport]") {
  SystemClock clock;
  EventLoop loop(clock);
  int rounds = 0;
  std::function<void()> again = [&] {
    ++rounds;
    loop.after(Duration(0), again);
  };
  again();
  bool other = false;
  loop.after(Duration(20), [&] { other = true; });
  CHECK(loop.run_until([&] { return other; }, Duration(5'000)));
  CHECK(rounds > 2);
}

TEST_CASE("time stands still inside one wake-up", "[transport]") {
  SystemClock clock;
  EventLoop loop(clock);
  Duration first{0};
  Duration second{0};
  loop.after(Duration(1), [&] {
    first = loop.monotonic();
    usleep(5'000);
    second = loop.monotonic();
    loop.stop();
  });
  loop.run();
  CHECK(first == second);
}

TEST_CASE("a watched descriptor may unwatch itself from inside its callback", "[transport]") {
  SystemClock clock;
  EventLoop loop(clock);
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  int calls = 0;
  WatchId watch{};
  watch = loop.watch(ends[0], [&](Readiness ready) {
    CHECK(ready.readable);
    ++calls;
    loop.unwatch(watch);
  });
  REQUIRE(write(ends[1], "x", 1) == 1);
  CHECK(loop.run_until([&] { return calls == 1; }, Duration(5'000)));
  CHECK_FALSE(loop.run_until([&] { return calls > 1; }, Duration(30)));
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("signals arrive as callbacks on the loop", "[transport]") {
  SystemClock clock;
  EventLoop loop(clock);
  int got = 0;
  auto watch = SignalWatch::open(loop, {SIGUSR1}, [&](int signal) { got = signal; });
  REQUIRE(watch);
  REQUIRE(kill(getpid(), SIGUSR1) == 0);
  CHECK(loop.run_until([&] { return got != 0; }, Duration(5'000)));
  CHECK(got == SIGUSR1);
}
