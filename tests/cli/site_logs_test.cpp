#include "cli/site_logs.h"

#include <catch2/catch.hpp>

#include "base/file.h"
#include "tests/cli/folder.h"

using namespace cloister;
using namespace cloister::cli;

namespace {

const std::string job = "heart-1-site-a-encode-1";

std::string line(const std::string& event, const std::string& about, const std::string& more = {}) {
  return R"({"time":"2026-11-27T03:00:00.000Z","level":"info","process":"agent","event":")" +
         event + R"(","job":")" + about + "\"" + more + "}\n";
}

// An agent's home in which a job failed once and was tried again.
void fill(const std::filesystem::path& home) {
  REQUIRE(make_folder(home / "logs").has_value());
  REQUIRE(
      write_text(home / "logs/daemon.1.log", line("worker.started", job, R"(,"attempt":"1")") +
                                                 line("worker.memory", job, R"(,"what":"first")"))
          .has_value());
  REQUIRE(write_text(home / "logs/daemon.log",
                     line("worker.started", job, R"(,"attempt":"2")") +
                         line("worker.started", job + "0", R"(,"attempt":"1")") + "not JSON\n" +
                         line("worker.finished", job, R"(,"attempt":"2")"))
              .has_value());
  REQUIRE(write_text(home / "logs" / (job + ".log"),
                     line("worker.attempt", job, R"(,"attempt":"1")") + "out of memory\n" +
                         line("worker.attempt", job, R"(,"attempt":"2")") + "bell \a\n")
              .has_value());
}

}  // namespace

TEST_CASE("the logs of a job are its newest attempt's, of the daemon and of the worker", "[cli]") {
  Folder folder;
  fill(folder.path);
  const auto told = site_logs({folder.path, job, false, 200});
  REQUIRE(told.has_value());
  CHECK(told->json.find("daemon")->items()->size() == 2);
  CHECK(told->json.find("worker")->items()->size() == 1);
  CHECK(told->text.find("worker.finished  attempt=2") != std::string::npos);
  CHECK(told->text.find("bell ?") != std::string::npos);
  CHECK(told->text.find("first") == std::string::npos);
  CHECK(told->text.find("out of memory") == std::string::npos);
}

TEST_CASE("all attempts are shown when asked for, and no more lines than asked for", "[cli]") {
  Folder folder;
  fill(folder.path);
  const auto all = site_logs({folder.path, job, true, 200});
  REQUIRE(all.has_value());
  CHECK(all->json.find("daemon")->items()->size() == 4);
  CHECK(all->text.find("out of memory") != std::string::npos);
  CHECK(site_logs({folder.path, job, true, 1})->json.find("daemon")->items()->size() == 1);
}

TEST_CASE("a job of the warm worker has its own part of that worker's log", "[cli]") {
  Folder folder;
  REQUIRE(make_folder(folder.path / "logs").has_value());
  REQUIRE(write_text(folder.path / "logs/warm-worker.log",
                     line("worker.attempt", "predict-1", R"(,"attempt":"1")") + "one\n" +
                         line("worker.attempt", "predict-2", R"(,"attempt":"1")") + "two\n" +
                         line("worker.attempt", "predict-3", R"(,"attempt":"1")") + "three\n")
              .has_value());
  const auto told = site_logs({folder.path, "predict-2", false, 200});
  REQUIRE(told.has_value());
  CHECK(told->json.find("worker")->items()->size() == 1);
  CHECK(told->text.find("two") != std::string::npos);
}

TEST_CASE("a job without a line, and what is no job, are told of", "[cli]") {
  Folder folder;
  CHECK(site_logs({folder.path, job, false, 200}).error().code == "logs.folder");
  REQUIRE(make_folder(folder.path / "logs"));
  CHECK(site_logs({folder.path, job, false, 200}).error().code == "logs.none");
  CHECK_FALSE(site_logs({folder.path, "../identity.key", false, 200}).has_value());
}
