#include "worker-host/pulse.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

using namespace cloister;
using namespace cloister::worker_host;

namespace {

// A child that computes or waits until it is killed.
class Child {
 public:
  explicit Child(bool busy) : pid_(fork()) {
    if (pid_ == 0) {
      prctl(PR_SET_DUMPABLE, 0);  // as a worker's sandbox does
      while (!busy) pause();
      for (volatile unsigned turns = 0;;) turns = turns + 1;
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

}  // namespace

TEST_CASE("processor time grows for a process that computes and stands for one that waits",
          "[worker-host]") {
  const Child busy(true);
  const Child idle(false);
  for (int i = 0; i < 600 && processor_time(busy.pid()) < Duration(100); ++i) {
    poll(nullptr, 0, 100);
  }
  CHECK(processor_time(busy.pid()) >= Duration(100));
  CHECK(processor_time(idle.pid()) < Duration(50));
}

TEST_CASE("processor time used since the last look is a sign of life", "[worker-host]") {
  Pulse pulse(Duration(60'000));
  CHECK(pulse.look(Duration(120)));
  CHECK_FALSE(pulse.look(Duration(120)));
  CHECK_FALSE(pulse.look(Duration(239)));  // as much as polling costs
  CHECK(pulse.look(Duration(359)));
  CHECK(pulse.signs() == 2);
}

TEST_CASE("a worker that spins without a step is not believed for ever", "[worker-host]") {
  Pulse pulse(Duration(60'000));
  Duration used{0};
  const auto spin = [&] { return pulse.look(used += Duration(60'000)); };
  for (std::uint32_t i = 0; i < Pulse::signs_max; ++i) CHECK(spin());
  CHECK_FALSE(spin());
  CHECK(pulse.signs() == Pulse::signs_max);
  pulse.stepped();
  CHECK(spin());
  CHECK(pulse.signs() == 1);
}

TEST_CASE(
    "a process that is not there gives no sign of life, and a job starts from what was used before",
    "[worker-host]") {
  Pulse pulse(Duration(200));
  CHECK_FALSE(pulse.look(Duration(0)));
  CHECK(pulse.look(Duration(5'000)));
  CHECK_FALSE(pulse.look(Duration(1'000)));
  Pulse next_job(Duration(200), Duration(9'000));
  CHECK_FALSE(next_job.look(Duration(9'000)));
  CHECK(next_job.look(Duration(9'100)));
}
