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
  explicit Running(const Folder& folder, const std::filesystem::path& data = {})
      : log_(folder.path / "demo.log"),
        child_(Child::start({"demo", bin("cloister"), arguments(folder, data), log_})) {
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
  static std::vector<std::string> arguments(const Folder& folder,
                                            const std::filesystem::path& data) {
    std::vector<std::string> all{"demo", "--budget", "rehearsal", "--out",
                                 (folder.path / "out").string()};
    if (!data.empty()) all.insert(all.end(), {"--data", data.string()});
    return all;
  }
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

// A check of ours that stands on a library of others.
void check_python(const std::string& script, const char* package) {
  const int status = std::system(fmt::format("/usr/bin/python3 {} >&2", script).c_str());
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
    WARN(fmt::format("SKIPPED: {} is not installed.", package));
  } else {
    CHECK(status == 0);
  }
}

std::string command_line(pid_t pid) {
  std::ifstream in(fmt::format("/proc/{}/cmdline", pid), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<pid_t> daemons(const std::string& configuration, const std::string& out) {
  std::vector<pid_t> found = processes_of(configuration);
  std::erase_if(found, [&](pid_t pid) { return command_line(pid).find(out) == std::string::npos; });
  return found;
}

void kill_daemon(const std::string& configuration, const std::string& out) {
  for (const pid_t pid : daemons(configuration, out)) kill(pid, SIGKILL);
}

void kill_workers_of(const std::string& configuration, const std::string& out) {
  for (const pid_t pid : daemons(configuration, out)) {
    std::ifstream in(fmt::format("/proc/{0}/task/{0}/children", pid));
    for (pid_t child = 0; in >> child;) kill(child, SIGKILL);
  }
}

// What is killed, and at which word of the demo.
struct Loss {
  const char* at;
  const char* daemon;
  bool worker;
};
constexpr Loss losses[] = {{"train-mask-encoder", "site-a/agent.toml", true},
                           {"encode ", "coordinator.toml", false},
                           {"assess-privacy", "site-b/agent.toml", false},
                           {"assess-privacy", "site-c/agent.toml", true},
                           {"signed the release", "coordinator.toml", false},
                           {"train-segmentation", "trainer.toml", false},
                           {"predict ", "trainer.toml", true},
                           {"evaluate", "site-a/agent.toml", false},
                           {"agrees to the release", "coordinator.toml", false},
                           {"A new volume", "trainer.toml", false},
                           {"Evidence:", "site-c/agent.toml", false}};

void check_outcome(const std::filesystem::path& out) {
  const auto text = read_text(out / "report.json");
  REQUIRE(text);
  const auto report = provenance::parse_json(*text);
  REQUIRE(report);
  CHECK(provenance::text_or_empty(*report->find("verify"), "verdict") == "holds");
  CHECK(report->find("sites")->fields()->size() == 3);
  CHECK(std::filesystem::file_size(out / "report.html") > 100'000);
  CHECK(std::filesystem::exists(out / "predictions" / "site-a-new.nii.gz"));
  CHECK(std::filesystem::exists(out / "model" / "network-site-a.onnx"));
  const auto checked =
      run_program(bin("cloister-verify"), {(out / "audit-bundle").string(), "--policy",
                                           (out / "auditors-anchors/tlog-policy").string(),
                                           "--roots", (out / "auditors-anchors/roots").string()});
  REQUIRE(checked);
  CHECK(checked->status == 0);
  check_python(fmt::format("tests/report/schema_check.py docs/report.schema.json {}",
                           (out / "report.json").string()),
               "python3-jsonschema");
}

}  // namespace

TEST_CASE(
    "a demo that is stopped, and loses a process at every stage, ends with evidence that holds",
    "[system]") {
  const Folder folder;
  const std::string out = (folder.path / "out").string();
  {
    Running demo(folder);
    REQUIRE(demo.has_said("Enrolment by one-time token"));
    REQUIRE(kill(demo.pid(), SIGINT) == 0);
    CHECK(demo.wait() == 130);
    CHECK(all_gone(out));
  }
  {
    Running demo(folder);
    REQUIRE(demo.has_said("train-mask-encoder"));
    const auto second =
        run_program(bin("cloister"), {"demo", "--json", "--budget", "rehearsal", "--out", out});
    REQUIRE(second);
    CHECK(second->err.find("demo.running") != std::string::npos);
    REQUIRE(kill(demo.pid(), SIGTERM) == 0);
    CHECK(demo.wait() == 143);
    CHECK(all_gone(out));
  }
  Running demo(folder);
  REQUIRE(demo.has_said("going on where it stopped"));
  for (const Loss& loss : losses) {
    INFO(loss.at);
    if (!demo.has_said(loss.at)) break;  // the last stages may be over before we look
    loss.worker ? kill_workers_of(loss.daemon, out) : kill_daemon(loss.daemon, out);
  }
  const int status = demo.wait();
  INFO(demo.said());
  REQUIRE(status == 0);
  CHECK(demo.said().find("started again") != std::string::npos);
  CHECK(all_gone(out));
  check_outcome(out);
  const auto again = run_program(bin("cloister"), {"demo", "--budget", "rehearsal", "--out", out});
  REQUIRE(again);
  CHECK(again->status == 0);
  CHECK(again->out.find("was finished at") != std::string::npos);
}

TEST_CASE(
    "bad cases are left out by name at their site, counted in the report, and cost nothing else",
    "[system]") {
  const Folder maker;
  {
    Running demo(maker);
    REQUIRE(demo.has_said("Consortium: root key"));
    kill(demo.pid(), SIGINT);
    demo.wait();
  }
  const auto data = maker.path / "out" / "data";
  for (const auto* extra : {"new", "site-c"}) std::filesystem::remove_all(data / extra);
  const auto images = data / "site-b" / "imagesTr";
  const auto some = *std::filesystem::directory_iterator(images);
  REQUIRE(write_text(images / "EMPTY_ED_0000.nii.gz", ""));
  REQUIRE(write_text(images / "TEXT_ED_0000.nii.gz", std::string(5000, 'x')));
  std::filesystem::copy_file(some.path(), images / "NOMASK_ED_0000.nii.gz");
  for (const auto* name : {"EMPTY_ED.nii.gz", "TEXT_ED.nii.gz"}) {
    std::filesystem::copy_file(*std::filesystem::directory_iterator(data / "site-b" / "labelsTr"),
                               data / "site-b" / "labelsTr" / name);
  }
  // The same patient under another name.
  const std::string file = some.path().filename().string();
  const std::string of = file.substr(0, file.size() - std::string("_0000.nii.gz").size());
  std::filesystem::copy_file(some.path(), images / "TWIN_ED_0000.nii.gz");
  std::filesystem::copy_file(data / "site-b" / "labelsTr" / (of + ".nii.gz"),
                             data / "site-b" / "labelsTr" / "TWIN_ED.nii.gz");
  const Folder folder;
  Running demo(folder, data);
  const int status = demo.wait();
  INFO(demo.said());
  REQUIRE(status == 0);
  const auto out = folder.path / "out";
  const auto report = provenance::parse_json(read_text(out / "report.json").value());
  REQUIRE(report);
  const auto& site = *report->find("sites")->find("site-b");
  CHECK(site.find("excluded")->items()->size() == 4);
  CHECK(report->find("sites")->find("site-a")->find("excluded")->items()->empty());
  const auto page = read_text(out / "site-reports" / "site-b.html");
  REQUIRE(page);
  for (const auto* name : {"EMPTY_ED", "TEXT_ED", "NOMASK_ED", "TWIN_ED"}) {
    CHECK(page->find(name) != std::string::npos);
    CHECK(read_text(out / "report.html")->find(name) == std::string::npos);
  }
  // What the network says by itself stands beside the mean with each site's own segmentation.
  int told = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(out / "homes")) {
    if (entry.path().filename() != "site-report") continue;
    const auto judged = provenance::parse_json(read_text(entry.path()).value());
    REQUIRE(judged);
    const auto* alone = judged->find("network_alone");
    REQUIRE(alone != nullptr);
    CHECK(alone->fields()->size() == 3);
    ++told;
  }
  CHECK(told == 2);
  check_python(fmt::format("tests/system/overlay_check.py {} {}", out.string(), data.string()),
               "python3-nibabel");
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

TEST_CASE("a disk that fills up costs a demo nothing once there is room again", "[system]") {
  const Folder folder;
  RunOptions options;
  options.limit = run_max;
  const auto ran =
      run_program("tests/system/full_disk.sh", {bin("cloister"), folder.path.string()}, options);
  REQUIRE(ran);
  if (ran->status == 77) {
    WARN("SKIPPED: no file system of our own can be mounted here, so no disk was filled.");
    return;
  }
  INFO(ran->out);
  // Which of the two is met first is a matter of milliseconds.
  const bool said_full = ran->out.find("first run: status 17") != std::string::npos &&
                         ran->out.find("code: demo.disk_full") != std::string::npos;
  const bool said_job = ran->out.find("first run: status 18") != std::string::npos &&
                        ran->out.find("No space left on device") != std::string::npos;
  CHECK((said_full || said_job));
  CHECK(ran->out.find("processes left: 0") != std::string::npos);
  CHECK(ran->out.find("second run: status 0") != std::string::npos);
  CHECK(ran->out.find("the evidence holds") != std::string::npos);
}
