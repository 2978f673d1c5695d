#include "cli/interrupt.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>

namespace cloister::cli {
namespace {

constexpr int patience_steps = 40;  // of 50 ms

// Lock-free, so that a handler may read them.
std::array<std::atomic<pid_t>, 64> groups{};
std::atomic<const char*> farewell_text{nullptr};
static_assert(std::atomic<pid_t>::is_always_lock_free);

void to_all(int signal_number) {
  for (const auto& group : groups) {
    const pid_t one = group.load();
    if (one > 0) kill(-one, signal_number);
  }
}

// True once none of the groups has a process left that is ours to wait for.
bool all_gone() {
  bool gone = true;
  for (auto& group : groups) {
    const pid_t one = group.load();
    if (one <= 0) continue;
    if (waitpid(one, nullptr, WNOHANG) == 0) gone = false;
  }
  return gone;
}

void on_signal(int number) {
  to_all(SIGTERM);
  for (int step = 0; step < patience_steps && !all_gone(); ++step) {
    const timespec pause{0, 50'000'000};
    nanosleep(&pause, nullptr);
  }
  to_all(SIGKILL);
  if (const char* text = farewell_text.load()) {
    [[maybe_unused]] const auto written = write(STDERR_FILENO, text, std::strlen(text));
  }
  _exit(128 + number);
}

}  // namespace

void stop_children_on_signals(const char* farewell) {
  farewell_text = farewell;
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigfillset(&action.sa_mask);
  for (const int one : {SIGINT, SIGTERM, SIGHUP}) sigaction(one, &action, nullptr);
}

void remember_group(pid_t group) {
  for (auto& slot : groups) {
    pid_t none = 0;
    if (slot.compare_exchange_strong(none, group)) return;
  }
}

void forget_group(pid_t group) {
  for (auto& slot : groups) {
    pid_t same = group;
    slot.compare_exchange_strong(same, 0);
  }
}

}  // namespace cloister::cli
