#include "worker-host/worker_process.h"

#include <poll.h>
#include <sys/wait.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <csignal>

#include "base/file.h"
#include "tests/support/temp_folder.h"

using namespace cloister;
using namespace cloister::worker_host;
using protocol::FrameType;

namespace {

class Heard final : public WorkerListener {
 public:
  Result<void> on_message(FrameType, std::string json) override {
    messages.push_back(std::move(json));
    return {};
  }
  Result<void> on_content_begin(FrameType, std::string, std::uint64_t) override { return {}; }
  Result<void> on_content(BytesView) override {
    if (refuse) return fail(Kind::exhausted, "disk.full", "The disk is full.", "Make room.");
    return {};
  }
  Result<void> on_content_end() override { return {}; }
  std::vector<std::string> messages;
  bool refuse = false;
};

Launch script(std::string text) {
  Launch launch;
  launch.program = "/bin/sh";
  launch.arguments = {"-c", std::move(text)};
  return launch;
}

// A result frame that carries `$text` (up to 255 characters), as a shell function.
const std::string say =
    R"sh(say() { printf "\\007\\$(printf %o ${#1})\\0\\0\\0\\0\\0\\0\\0%s" "$1"; }; )sh";

// Runs until it ended; `monotonic` is a count of polls in steps of 10 ms.
Result<void> run(WorkerProcess& worker) {
  Result<void> outcome;
  for (Duration now{0}; !worker.ended() && now < Duration(2'000'000); now += Duration(10)) {
    std::vector<pollfd> fds;
    for (const Interest& interest : worker.interests()) {
      fds.push_back(
          {interest.fd,
           static_cast<short>((interest.readable ? POLLIN : 0) | (interest.writable ? POLLOUT : 0)),
           0});
    }
    ::poll(fds.data(), fds.size(), 10);
    if (auto ok = worker.pump(now); !ok) outcome = ok;
  }
  return outcome;
}

}  // namespace

TEST_CASE("a worker's result arrives and its clean end is seen", "[worker-host]") {
  Heard heard;
  auto worker = WorkerProcess::start(script(say + "say '{\"ok\":true}'"), heard);
  REQUIRE(worker.has_value());
  REQUIRE(run(**worker).has_value());
  REQUIRE((*worker)->ended().has_value());
  CHECK((*worker)->ended()->clean);
  REQUIRE(heard.messages.size() == 1);
  CHECK(heard.messages[0] == "{\"ok\":true}");
}

TEST_CASE("inputs far larger than a pipe reach the worker without blocking us", "[worker-host]") {
  Heard heard;
  const std::uint64_t size = 20'000'000;
  const std::uint64_t in_all = protocol::worker_frame_head_bytes + 2 + 5 + size;
  auto worker = WorkerProcess::start(
      script(say + "say \"$(head -c " + std::to_string(in_all) + " | wc -c)\""), heard);
  REQUIRE(worker.has_value());
  std::size_t largest = 0;
  (*worker)->send_content("input", size, [&](std::span<std::uint8_t> out) -> Result<std::size_t> {
    largest = std::max(largest, out.size());
    std::fill(out.begin(), out.end(), std::uint8_t{7});
    return out.size();
  });
  REQUIRE(run(**worker).has_value());
  REQUIRE(heard.messages.size() == 1);
  CHECK(heard.messages[0] == std::to_string(in_all));
  CHECK(largest <= (1U << 20));
}

TEST_CASE("a worker that waits for more input ends when there will be none", "[worker-host]") {
  Heard heard;
  auto worker = WorkerProcess::start(script(say + "say ready; cat >/dev/null"), heard).value();
  while (heard.messages.empty()) REQUIRE(worker->pump(Duration(0)).has_value());
  worker->finish_input();
  REQUIRE(run(*worker).has_value());
  REQUIRE(worker->ended().has_value());
  CHECK(worker->ended()->clean);
}

TEST_CASE("a worker inherits nothing but what it is given", "[worker-host]") {
  Heard heard;
  test::TempFolder folder;
  setenv("CLOISTER_TEST_SECRET", "do not pass on", 1);
  Launch launch = script(
      say +
      "say \"$(env | grep -c SECRET) $GIVEN $(ls /proc/self/fd | wc -l) $(pwd)\"; echo lost >&2");
  launch.environment = {"GIVEN=yes"};
  launch.log = folder.path() / "worker.log";
  auto worker = WorkerProcess::start(launch, heard);
  REQUIRE(worker.has_value());
  REQUIRE(run(**worker).has_value());
  REQUIRE(heard.messages.size() == 1);
  // 0, 1, 2, and what ls itself opens to read the folder.
  CHECK(heard.messages[0] == "0 yes 4 /");
  CHECK(read_text(launch.log).value() == "lost\n");
}

TEST_CASE("a worker's network is its own, also for a user without privileges", "[worker-host]") {
  // Whether it was told so, how many interfaces it has, and whether the loopback is up.
  const auto network = [] {
    Heard heard;
    auto worker = WorkerProcess::start(
        script(say + "say \"${CLOISTER_OWN_NETWORK:-0} $(tail -n +3 /proc/net/dev | wc -l) "
                     "$(grep -q 127.0.0.1 /proc/net/fib_trie && echo up)\""),
        heard);
    return worker && run(**worker) && !heard.messages.empty() ? heard.messages[0] : std::string();
  };
  if (network().starts_with("0")) {
    WARN("SKIPPED: this kernel gives nobody a network namespace");
    return;
  }
  CHECK(network() == "1 1 up");
  const pid_t child = fork();
  if (child == 0) {
    const bool is_nobody = geteuid() != 0 || (setgid(65534) == 0 && setuid(65534) == 0);
    const std::string seen = network();
    _exit(is_nobody && seen == "1 1 up" ? 0 : seen.starts_with("0") ? 2 : 1);
  }
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 2) {
    WARN("SKIPPED: this kernel gives users without privileges none");
    return;
  }
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("how a worker ended is said in a sentence", "[worker-host]") {
  const auto ended = [](const std::string& text) {
    Heard heard;
    auto worker = WorkerProcess::start(script(text), heard).value();
    (void)run(*worker);
    return worker->ended().value();
  };
  CHECK(ended("exit 3").error.what == "The worker gave up with status 3.");
  CHECK(ended("kill -SEGV $$").error.code == "worker.signal");
  CHECK(ended("kill -KILL $$").error.code == "worker.memory");
  CHECK(ended("kill -XCPU $$").error.code == "worker.cpu_time");
  CHECK(ended("printf '\\007\\002'").error.code == "worker.garbage");  // in the middle of a frame
}

TEST_CASE("a worker that ignores the polite signal is killed, with all it started",
          "[worker-host]") {
  Heard heard;
  auto worker =
      WorkerProcess::start(script(say + "trap '' TERM; sleep 300 & say $!; sleep 300"), heard)
          .value();
  while (heard.messages.empty()) REQUIRE(worker->pump(Duration(0)).has_value());
  worker->stop(Duration(0), Duration(200));
  REQUIRE(run(*worker).has_value());
  REQUIRE(worker->ended().has_value());
  CHECK(worker->ended()->stopped);
  CHECK(worker->ended()->error.code == "worker.stopped");
  const int grandchild = std::stoi(heard.messages[0]);
  for (int i = 0; i < 200 && ::kill(grandchild, 0) == 0; ++i) ::poll(nullptr, 0, 10);
  // It may linger as a zombie of whoever adopts orphans here; it must not run.
  const auto state = read_text("/proc/" + std::to_string(grandchild) + "/stat");
  CHECK((!state.has_value() || state->find(") Z") != std::string::npos));
}

TEST_CASE("a listener that cannot keep what it is given ends the worker", "[worker-host]") {
  Heard heard;
  heard.refuse = true;
  auto worker =
      WorkerProcess::start(script("printf '\\005\\001\\0\\0\\0\\0\\0\\0\\0x'; sleep 300"), heard)
          .value();
  const auto outcome = run(*worker);
  REQUIRE_FALSE(outcome.has_value());
  CHECK(outcome.error().code == "disk.full");
  REQUIRE(worker->ended().has_value());
  CHECK(worker->ended()->error.code == "disk.full");
}

TEST_CASE("a program that is not there is an error, not a crash", "[worker-host]") {
  Heard heard;
  Launch launch;
  launch.program = "/nonexistent/cloister-worker";
  const auto worker = WorkerProcess::start(launch, heard);
  REQUIRE_FALSE(worker.has_value());
  CHECK(worker.error().code == "worker.start");
}

TEST_CASE("a worker that is given up leaves no process behind", "[worker-host]") {
  Heard heard;
  int pid = 0;
  {
    auto worker = WorkerProcess::start(script("sleep 300"), heard).value();
    pid = worker->pid();
  }
  CHECK(::kill(pid, 0) != 0);
}
