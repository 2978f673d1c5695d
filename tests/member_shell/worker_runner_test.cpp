#include "member-shell/worker_runner.h"

#include <catch2/catch.hpp>
#include <set>

#include "base/file.h"
#include "crypto/start.h"
#include "tests/support/temp_folder.h"
#include "worker-host/pulse.h"

using namespace cloister;
using namespace cloister::member;
using namespace cloister::member_shell;

namespace {

// A shell script in place of the worker: it says what its text prints, frame by frame.
const std::string speak = R"sh(#!/bin/sh
say() { printf "\\0$(printf %o $1)\\$(printf %o ${#2})\\0\\0\\0\\0\\0\\0\\0%s" "$2"; }
named() { n=${#1}; t=$((n + 2 + ${#2})); printf "\\006\\$(printf %o $t)\\0\\0\\0\\0\\0\\0\\0\\$(printf %o $n)\\0%s%s" "$1" "$2"; }
)sh";

struct Running {
  explicit Running(const std::string& script, Duration look_every = RunnerOptions().look_every) {
    const auto program = folder.path() / "worker";
    if (!write_text(program, speak + script)) std::abort();
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    places =
        Places::open(folder.path() / "home", MemberId::trusted("agent-a"), own, entropy).value();
    runner = std::make_unique<WorkerRunner>(
        loop, *places,
        RunnerOptions{program, folder.path() / "home", folder.path() / "home", {}, 0, look_every},
        [this](Event event) { events.push_back(std::move(event)); });
  }
  RunWorker order(const std::string& job) {
    RunWorker order;
    order.job = JobId::trusted(job);
    order.order_json = R"({"kind":"test"})";
    return order;
  }
  template <class T>
  const T* last() const {
    for (auto event = events.rbegin(); event != events.rend(); ++event) {
      if (const auto* found = std::get_if<T>(&*event)) return found;
    }
    return nullptr;
  }
  template <class T>
  bool wait_for() {
    return loop.run_until([this] { return last<T>() != nullptr; }, Duration(20'000));
  }
  bool ready = crypto::start().has_value();  // before the keys below are made
  SystemClock clock;
  transport::EventLoop loop{clock};
  test::TempFolder folder;
  crypto::SeededEntropy entropy{2};
  crypto::SealKey own = crypto::SealKey::generate(entropy);
  std::unique_ptr<Places> places;
  std::vector<Event> events;
  std::unique_ptr<WorkerRunner> runner;
};

}  // namespace

TEST_CASE("artifacts are durable before the worker is said to have finished", "[member-shell]") {
  Running running("named weights abc; say 7 '{}'; cat >/dev/null");
  running.runner->run(running.order("job-1"));
  REQUIRE(running.wait_for<WorkerFinished>());
  const auto* kept = running.last<ArtifactKept>();
  REQUIRE(kept != nullptr);
  CHECK(kept->kept.name == "weights");
  CHECK(running.places->open_from_vault(kept->kept.digest).has_value());
  CHECK(std::holds_alternative<ArtifactKept>(running.events.front()));
  // Its process ends by itself once its input is closed.
  CHECK(running.loop.run_until([&] { return running.runner->is_idle(); }, Duration(10'000)));
}

TEST_CASE("a failure, a crash and a missing result are told as errors", "[member-shell]") {
  Running failing(R"(say 8 '{"kind":"invalid","code":"data.x","what":"W","next":"N"}')");
  failing.runner->run(failing.order("job-1"));
  REQUIRE(failing.wait_for<WorkerFailed>());
  CHECK(failing.last<WorkerFailed>()->error == Error{Kind::invalid, "data.x", "W", "N"});
  Running crashing("kill -SEGV $$");
  crashing.runner->run(crashing.order("job-1"));
  REQUIRE(crashing.wait_for<WorkerFailed>());
  CHECK(crashing.last<WorkerFailed>()->error.code == "worker.signal");
  Running silent("exit 0");
  silent.runner->run(silent.order("job-1"));
  REQUIRE(silent.wait_for<WorkerFailed>());
  CHECK(silent.last<WorkerFailed>()->error.code == "worker.exit");
}

TEST_CASE("a checkpoint is kept sealed and handed to the next attempt", "[member-shell]") {
  Running running("say 5 state-1; kill -KILL $$");
  running.runner->run(running.order("job-1"));
  REQUIRE(running.wait_for<WorkerFailed>());
  const auto kept = running.places->checkpoint(JobId::trusted("job-1")).value();
  REQUIRE(kept.has_value());
  CHECK(as_text(kept->view()) == "state-1");
  running.events.clear();
  const auto heard = running.folder.path() / "heard";
  const std::string job =
      fmt::format(R"({{"kind":"test","scratch":"{}"}})", (running.folder.path() / "home").string());
  // Writes down all it is given up to the checkpoint's last byte: job, checkpoint.
  const std::size_t bytes = 9 + job.size() + 9 + 2 + 10 + 7;
  const std::string script = fmt::format("head -c {} > {}; say 7 '{{}}'", bytes, heard.string());
  REQUIRE(write_text(running.folder.path() / "worker", speak + script).has_value());
  std::filesystem::permissions(running.folder.path() / "worker", std::filesystem::perms::owner_all);
  running.runner->run(running.order("job-1"));
  REQUIRE(running.wait_for<WorkerFinished>());
  const std::string given = read_text(heard).value();
  CHECK(given.find(job) == 9);
  CHECK(given.ends_with("checkpointstate-1"));
  // Its outcome is told: nobody needs the checkpoint any more.
  CHECK_FALSE(running.places->checkpoint(JobId::trusted("job-1")).value().has_value());
}

TEST_CASE("a checkpoint that the worker refuses is thrown away", "[member-shell]") {
  Running running(
      R"(say 5 state-1; say 8 '{"kind":"conflict","code":"training.other_checkpoint"}')");
  running.runner->run(running.order("job-1"));
  REQUIRE(running.wait_for<WorkerFailed>());
  CHECK(running.last<WorkerFailed>()->error.code == "training.other_checkpoint");
  CHECK_FALSE(running.places->checkpoint(JobId::trusted("job-1")).value().has_value());
}

TEST_CASE("a silent worker that computes gives signs of life, but not for ever", "[member-shell]") {
  Running running(R"(say 4 '{"phase":"training","step":1,"steps":9}'; while :; do :; done)",
                  Duration(200));
  running.runner->run(running.order("job-1"));
  std::set<std::string> phases;  // each renews the lease
  const auto seen = [&] {
    for (const Event& event : running.events) {
      const auto* told = std::get_if<WorkerProgressed>(&event);
      if (told != nullptr && told->progress.step == 1) phases.insert(told->progress.phase);
    }
    return phases.size();
  };
  constexpr std::size_t most = 1 + worker_host::Pulse::signs_max;
  REQUIRE(running.loop.run_until([&] { return seen() >= most; }, Duration(60'000)));
  running.loop.run_until([] { return false; }, Duration(1'000));
  CHECK(seen() == most);
  CHECK(phases.contains("training (computing, no step at 3 looks)"));
}

TEST_CASE("a silent worker that only waits gives no sign of life", "[member-shell]") {
  Running running(R"(say 4 '{"phase":"training","step":1,"steps":9}'; exec sleep 60)",
                  Duration(200));
  running.runner->run(running.order("job-1"));
  REQUIRE(running.wait_for<WorkerProgressed>());
  running.loop.run_until([] { return false; }, Duration(1'000));  // its start took some time
  running.events.clear();
  running.loop.run_until([] { return false; }, Duration(2'000));
  CHECK(running.events.empty());
}

TEST_CASE("warm jobs share one process, one after another", "[member-shell]") {
  // Answers every 'start' frame (type 3, empty) with its process id.
  Running running(R"sh(
while true; do
  type=$(head -c 1 | od -An -tu1 | tr -d ' ')
  [ -z "$type" ] && exit 0
  size=$(head -c 8 | od -An -tu8 | tr -d ' ')
  [ "$size" -gt 0 ] && head -c "$size" > /dev/null
  [ "$type" = 3 ] && say 7 "{\"pid\":$$}"
done)sh");
  for (const char* job : {"job-1", "job-2"}) {
    RunWorker order = running.order(job);
    order.warm = true;
    running.runner->run(std::move(order));
  }
  const auto count = [&] {
    return std::count_if(running.events.begin(), running.events.end(), [](const Event& event) {
      return std::holds_alternative<WorkerFinished>(event);
    });
  };
  REQUIRE(running.loop.run_until([&] { return count() == 2; }, Duration(20'000)));
  std::set<std::string> results;
  for (const Event& event : running.events) {
    if (const auto* done = std::get_if<WorkerFinished>(&event)) results.insert(done->result_json);
  }
  CHECK(results.size() == 1);
}

TEST_CASE("what a worker prints is kept by job, and each attempt begins with a line that names it",
          "[member-shell]") {
  Running running("echo loading >&2; say 7 '{}'; cat >/dev/null");
  RunWorker order = running.order("job-1");
  order.attempt = 2;
  running.runner->run(std::move(order));
  REQUIRE(running.wait_for<WorkerFinished>());
  const std::string text = read_text(running.folder.path() / "home" / "job-1.log").value();
  CHECK(text.find(R"("event":"worker.attempt","job":"job-1","attempt":"2"})") != std::string::npos);
  CHECK(text.ends_with("\nloading\n"));
}

TEST_CASE("old worker logs go when there are too many, and a full one begins anew",
          "[member-shell]") {
  test::TempFolder folder;
  const WorkerLogs logs(folder.path());
  const JobId job = JobId::trusted("job-new");
  for (std::size_t i = 0; i < worker_logs_max + 3; ++i)
    REQUIRE(write_text(folder.path() / fmt::format("job-{}.log", i), "x").has_value());
  logs.begin(logs.file(job), job, 1, Instant(0));
  const auto count = std::distance(std::filesystem::directory_iterator(folder.path()), {});
  CHECK(static_cast<std::size_t>(count) == worker_logs_max);
  REQUIRE(write_text(logs.file(job), std::string(worker_log_bytes_max + 1, 'x')).has_value());
  logs.begin(logs.file(job), job, 2, Instant(0));
  CHECK(std::filesystem::file_size(logs.file(job)) < 1000);
}

TEST_CASE("a stopped job says nothing more", "[member-shell]") {
  Running running("sleep 300");
  running.runner->run(running.order("job-1"));
  running.runner->stop(JobId::trusted("job-1"), true);
  CHECK(running.loop.run_until([&] { return running.runner->is_idle(); }, Duration(10'000)));
  CHECK(running.events.empty());
}
