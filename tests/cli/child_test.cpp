#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "cli/child.h"
#include "cli/file_digest.h"
#include "tests/cli/folder.h"

using namespace cloister;
using namespace cloister::cli;

TEST_CASE("a program gets its input and gives its output and status back", "[cli]") {
  const auto ran = run_program("/bin/sh", {"-c", "cat; echo oops >&2; exit 3"}, {.in = "hello"});
  REQUIRE(ran);
  CHECK(ran->out == "hello");
  CHECK(ran->err == "oops\n");
  CHECK(ran->status == 3);
}

TEST_CASE("a program that reads nothing of a large input is no harm", "[cli]") {
  const auto ran = run_program("/bin/true", {}, {.in = std::string(1U << 20, 'x')});
  REQUIRE(ran);
  CHECK(ran->status == 0);
}

TEST_CASE("a program that does not end is ended", "[cli]") {
  const auto ran = run_program("/bin/sleep", {"60"}, {.limit = Duration{200}});
  REQUIRE_FALSE(ran);
  CHECK(ran.error().code == "program.timeout");
}

TEST_CASE("a program that is not there is named", "[cli]") {
  const auto found = find_program("no-such-program-here");
  REQUIRE_FALSE(found);
  CHECK(found.error().code == "program.missing");
  CHECK(find_program("sh"));
}

TEST_CASE("a daemon is stopped with everything it started", "[cli]") {
  const Folder folder;
  const auto log = folder.path / "log";
  auto child =
      Child::start({"test", "/bin/sh", {"-c", "trap '' TERM; sleep 60 & echo $!; wait"}, log});
  REQUIRE(child);
  std::string grandchild;
  for (int i = 0; i < 200 && grandchild.empty(); ++i) {
    grandchild = read_text(log).value_or("");
    usleep(10'000);
  }
  REQUIRE_FALSE(grandchild.empty());
  const pid_t pid = static_cast<pid_t>(std::stol(grandchild));
  child->stop(Duration{200});
  bool is_gone = false;
  for (int i = 0; i < 200 && !is_gone; ++i) {
    // A zombie of a test run without a reaper still answers; its state tells.
    const auto state = read_text(fmt::format("/proc/{}/stat", pid));
    is_gone = kill(pid, 0) != 0 || (state && state->find(") Z") != std::string::npos);
    usleep(10'000);
  }
  CHECK(is_gone);
}

TEST_CASE("a daemon that died is noticed and can be started again", "[cli]") {
  const Folder folder;
  auto child = Child::start({"test", "/bin/sh", {"-c", "exit 7"}, folder.path / "log"});
  REQUIRE(child);
  std::optional<int> status;
  for (int i = 0; i < 200 && !status; ++i) {
    status = child->ended();
    usleep(10'000);
  }
  REQUIRE(status);
  CHECK(*status == 7);
  CHECK(child->restart());
}

TEST_CASE("the digest of a file is that of its bytes", "[cli]") {
  const Folder folder;
  REQUIRE(write_text(folder.path / "x", "abc"));
  const auto digest = file_digest(folder.path / "x");
  REQUIRE(digest);
  CHECK(to_hex(*digest) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK_FALSE(file_digest(folder.path / "missing"));
}

TEST_CASE("what a program prints is told piece by piece, and handed over whole", "[cli]") {
  const Folder folder;
  const auto seen = folder.path / "seen";
  std::string pieces;
  RunOptions options;
  options.on_out = [&](std::string_view piece) {
    pieces += piece;
    REQUIRE(write_text(seen, ""));
  };
  const std::string script =
      "printf one; while ! [ -e " + seen.string() + " ]; do :; done; printf two";
  const auto ran = run_program("/bin/sh", {"-c", script}, options);  // ends only if it was told
  REQUIRE(ran);
  CHECK(ran->out == "onetwo");
  CHECK(pieces == "onetwo");
}
