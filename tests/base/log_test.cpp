#include "base/log.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>

#include "base/file.h"
#include "tests/support/temp_folder.h"

using namespace cloister;

TEST_CASE("lines that are kept are JSON, one an event, with their fields", "[base]") {
  test::TempFolder folder;
  const auto file = folder.path() / "daemon.log";
  REQUIRE(keep_log(file).has_value());
  log_warn("worker.hangs", {{"job", "heart-1-site-a-encode-1"}, {"what", "a \"word\""}});
  log_debug("not asked for");
  const std::string text = read_text(file).value();
  CHECK(text.find(R"("event":"worker.hangs","job":"heart-1-site-a-encode-1")") !=
        std::string::npos);
  CHECK(text.find(R"("what":"a \"word\"")") != std::string::npos);
  CHECK(text.find("not asked for") == std::string::npos);
  CHECK(std::count(text.begin(), text.end(), '\n') == 1);
}

TEST_CASE("a log file that is full begins anew, and only two older ones stay", "[base]") {
  test::TempFolder folder;
  REQUIRE(keep_log(folder.path() / "daemon.log", 1000).has_value());
  for (int i = 0; i < 100; ++i) log_info("line", {{"number", std::to_string(i)}});
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    ++files;
    CHECK(entry.file_size() <= 1000);
  }
  CHECK(files == 3);
  CHECK(read_text(folder.path() / "daemon.log").value().find(R"("number":"99")") !=
        std::string::npos);
}

TEST_CASE("a log file that cannot be written is told of and stops nothing", "[base]") {
  test::TempFolder folder;
  REQUIRE(write_text(folder.path() / "file", "x").has_value());
  const auto bad = keep_log(folder.path() / "file" / "daemon.log");
  REQUIRE_FALSE(bad.has_value());
  CHECK(bad.error().code == "log.file");
  log_info("goes on");
}
