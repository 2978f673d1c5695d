// The demo as a stranger runs it: real processes, real sockets, networks that learn nothing.
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "base/file.h"
#include "base/time.h"
#include "cli/child.h"
#include "provenance/json.h"
#include "tests/cli/folder.h"

using namespace cloister;
using namespace cloister::cli;

namespace {

constexpr Duration run_max{9 * 60'000};

std::string bin(const std::string& name) { return std::string(CLOISTER_BIN) + "/" + name; }

// A demo in the background; its words go to a file.
class Running {
 public:
  explicit Running(const Folder& folder)
      : log_(folder.path / "demo.log"),
        child_(Child::start(
            {"demo",
             bin("cloister"),
             {"demo", "--budget", "rehearsal", "--out", (folder.path / "out").string()},
             log_})) {
    REQUIRE(child_);
  }
  // Waits until this was said; false if the demo ended before.
  bool has_said(const std::string& words) {
    const SystemClock clock;
    for (const Duration end = clock.monotonic() + run_max; clock.monotonic() < end;) {
      if (said().find(words) != std::string::npos) return true;
      if (child_->pid() < 0) return false;
      if ((status_ = child_->ended())) return said().find(words) != std::string::npos;
      usleep(50'000);
    }
    return false;
  }
  int wait() {
    const SystemClock clock;
    for (const Duration end = clock.monotonic() + run_max; clock.monotonic() < end;) {
      if (status_ || (status_ = child_->ended())) return *status_;
      usleep(50'000);
    }
    return -1;
  }
  [[nodiscard]] std::string said() const { return read_text(log_).value_or(""); }
  [[nodiscard]] pid_t pid() const { return child_->pid(); }

 private:
  std::filesystem::path log_;
  Result<Child> child_;
  std::optional<int> status_;
};

// Living processes whose command line names this.
std::vector<pid_t> processes_of(const std::string& words) {
  std::vector<pid_t> found;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream in(entry.path() / "cmdline", std::ios::binary);
    const std::string line((std::istreambuf_iterator<char>(in)), {});
    if (line.find(words) != std::string::npos) found.push_back(std::stoi(name));
  }
  return found;
}

bool all_gone(const std::string& words) {
  for (int i = 0; i < 100; ++i) {
    if (processes_of(words).empty()) return true;
    usleep(50'000);
  }
  return false;
}

void check_outcome(const std::filesystem::path& out) {
  const auto text = read_text(out / "report.json");
  REQUIRE(text);
  const auto report = provenance::parse_json(*text);
  REQUIRE(report);
  CHECK(provenance::text_or_empty(*report->find("verify"), "verdict") == "holds");
  CHECK(report->find("sites")->fields()->size() == 3);
  CHECK(std::filesystem::file_size(out / "report.html") > 100'000);
  CHECK(std::filesystem::exists(out / "predictions" / "site-a-new.nii.gz"));
  const auto checked =
      run_program(bin("cloister-verify"), {(out / "audit-bundle").string(), "--policy",
                                           (out / "auditors-anchors/tlog-policy").string(),
                                           "--roots", (out / "auditors-anchors/roots").string()});
  REQUIRE(checked);
  CHECK(checked->status == 0);
  const int status = std::system(
      fmt::format("/usr/bin/python3 tests/report/schema_check.py docs/report.schema.json {} >&2",
                  (out / "report.json").string())
          .c_str());
  if (WEXITSTATUS(status) == 77)
    WARN("SKIPPED: python3-jsonschema is not installed.");
  else
    CHECK(status == 0);
}

}  // namespace

TEST_CASE("a demo that is stopped and then loses each daemon still ends with evidence that holds",
          "[system]") {
  const Folder folder;
  const std::string out = (folder.path / "out").string();
  {
    Running demo(folder);
    REQUIRE(demo.has_said("train-mask-encoder"));
    REQUIRE(kill(demo.pid(), SIGINT) == 0);
    CHECK(demo.wait() == 130);
    CHECK(all_gone(out));
  }
  Running demo(folder);
  REQUIRE(demo.has_said("going on where it stopped"));
  REQUIRE(demo.has_said("assess-privacy"));
  for (const auto* daemon : {"coordinator.toml", "site-b/agent.toml", "trainer.toml"}) {
    for (const pid_t pid : processes_of(daemon)) {
      std::ifstream in(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
      const std::string line((std::istreambuf_iterator<char>(in)), {});
      if (line.find(out) != std::string::npos) kill(pid, SIGKILL);
    }
  }
  const int status = demo.wait();
  INFO(demo.said());
  REQUIRE(status == 0);
  CHECK(demo.said().find("started again") != std::string::npos);
  CHECK(all_gone(out));
  check_outcome(out);
}

TEST_CASE("a demo refuses a folder that is not its own, and one it cannot write", "[system]") {
  const Folder folder;
  REQUIRE(write_text(folder.path / "thesis.txt", "years of work"));
  const auto ran =
      run_program(bin("cloister"), {"demo", "--json", "--out", folder.path.string(), "--fresh"});
  REQUIRE(ran);
  CHECK(ran->status == 15);
  CHECK(ran->err.find("demo.folder") != std::string::npos);
  CHECK(std::filesystem::exists(folder.path / "thesis.txt"));
  const auto nowhere = run_program(bin("cloister"), {"demo", "--out", "/proc/nowhere"});
  REQUIRE(nowhere);
  CHECK(nowhere->status != 0);
  CHECK(nowhere->err.find("next:") != std::string::npos);
}
