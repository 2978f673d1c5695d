#include "member-shell/shell.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "base/file.h"
#include "crypto/start.h"
#include "tests/support/temp_folder.h"

using namespace cloister;
using namespace cloister::member_shell;

namespace {

// A member whose coordinator is not there; what it persists it finds again.
Result<std::unique_ptr<Shell>> open_shell(const std::filesystem::path& folder,
                                          ShellOptions options = {}) {
  crypto::SeededEntropy entropy(3);
  const MemberId id = MemberId::trusted("agent-a");
  Home home{crypto::generate_identity(id, "site", entropy),
            {id, protocol::Role::site_agent, "site-a", {}, {}, {}},
            {{"127.0.0.1", 1}, MemberId::trusted("coordinator"), {}, {}}};
  HomeConfig config;
  config.home = folder;
  config.worker = "/bin/true";
  return Shell::open(config, std::move(home), std::move(options));
}

}  // namespace

TEST_CASE("a polite signal ends a member cleanly, although its store has threads of its own",
          "[member-shell]") {
  REQUIRE(crypto::start().has_value());
  test::TempFolder folder;
  const pid_t child = fork();
  if (child == 0) {
    auto shell = open_shell(folder.path());
    if (!shell) _exit(3);
    (*shell)->set_core({[](const member::Event&, Instant) { return member::Actions{}; },
                        [] { return std::optional<Instant>(); }});
    (*shell)->loop().after(Duration(50), [] { ::kill(getpid(), SIGTERM); });
    const bool good = (*shell)->run().has_value();
    shell->reset();
    _exit(good ? 0 : 4);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("what a core persists is there after a restart, and nobody else may open the home",
          "[member-shell]") {
  REQUIRE(crypto::start().has_value());
  test::TempFolder folder;
  {
    auto shell = open_shell(folder.path());
    REQUIRE(shell.has_value());
    (*shell)->set_core({[](const member::Event&, Instant) {
                          return member::Actions{member::Persist{"one", to_bytes("1")},
                                                 member::Persist{"two", to_bytes("2")},
                                                 member::Persist{"one", std::nullopt}};
                        },
                        [] { return std::optional<Instant>(); }});
    (*shell)->handle(member::Ticked{});
    const auto second = open_shell(folder.path());
    REQUIRE_FALSE(second.has_value());
    CHECK(second.error().code == "store.locked");
  }
  auto shell = open_shell(folder.path());
  REQUIRE(shell.has_value());
  const auto stored = (*shell)->stored();
  REQUIRE(stored.has_value());
  CHECK(stored->size() == 1);
  CHECK(as_text(stored->at("two")) == "2");
}

TEST_CASE("no worker starts once the home holds as much as the site's policy allows",
          "[member-shell]") {
  REQUIRE(crypto::start().has_value());
  // What the core hears after it ordered a worker, with this many bytes allowed.
  const auto failure = [](std::uint64_t allowed) {
    test::TempFolder folder;
    std::optional<Error> heard;
    auto shell = open_shell(folder.path(), {.disk_bytes_max = allowed});
    REQUIRE(shell.has_value());
    REQUIRE(write_text(folder.path() / "reports" / "large", std::string(100'000, 'x')).has_value());
    (*shell)->set_core({[&](const member::Event& event, Instant) -> member::Actions {
                          if (const auto* failed = std::get_if<member::WorkerFailed>(&event)) {
                            heard = failed->error;
                            (*shell)->loop().stop();
                          }
                          if (!std::holds_alternative<member::Ticked>(event)) return {};
                          member::RunWorker order;
                          order.job = JobId::trusted("heart-1-site-a-encode-1");
                          order.order_json = "{}";
                          return {order};
                        },
                        [] { return std::optional<Instant>(); }});
    (*shell)->handle(member::Ticked{});
    (void)(*shell)->loop().run_until([&] { return heard.has_value(); }, Duration(10'000));
    REQUIRE(heard.has_value());
    return heard->code;
  };
  CHECK(failure(100'000) == "disk.policy");
  CHECK(failure(1U << 30) != "disk.policy");  // it started, and the stand-in for a worker ended
}

TEST_CASE("a line about a job carries its name into the log file of the home", "[member-shell]") {
  REQUIRE(crypto::start().has_value());
  test::TempFolder folder;
  auto shell = open_shell(folder.path());
  REQUIRE(shell.has_value());
  (*shell)->set_core({[](const member::Event&, Instant) {
                        return member::Actions{
                            member::Notice{member::NoticeLevel::warn, "worker.hangs", "No sign.",
                                           JobId::trusted("heart-1-site-a-encode-1")}};
                      },
                      [] { return std::optional<Instant>(); }});
  (*shell)->handle(member::Ticked{});
  const std::string text = read_text(folder.path() / "logs" / "daemon.log").value();
  CHECK(text.find(R"("event":"worker.hangs","job":"heart-1-site-a-encode-1","what":"No sign.")") !=
        std::string::npos);
}
