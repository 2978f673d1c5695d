// What docs/operations.md says of a machine that misbehaves, tried on the real agent: a full disk,
// a read-only disk, two agents with one identity.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "cli/json_read.h"
#include "tests/cli/folder.h"
#include "tests/system/small_consortium.h"

using namespace cloister;
using namespace cloister::system_test;
using provenance::Json;
using provenance::text_or_empty;

namespace {

std::string bin(const std::string& name) { return std::string(CLOISTER_BIN) + "/" + name; }

const std::string job = "heart-1-site-a-register-data-1";

void open_study(SmallConsortium& all) {
  const auto plan = (all.folder() / "plan.toml").string();
  REQUIRE(write_text(plan, plan_of(all)));
  const auto opened = all.as("olivia", {"study", "open", plan});
  INFO(opened.text);
  REQUIRE(opened.status == 0);
}

// A small disk that only processes in its mount namespace see, mounted over an agent's home with a
// copy of what was there.
class SmallDisk {
 public:
  SmallDisk(std::filesystem::path home, const std::string& size) : home_(std::move(home)) {
    const std::string script = fmt::format(
        "cp -a {0} {0}.copy && mount -t tmpfs -o size={1} none {0} && cp -a {0}.copy/. {0}/ && "
        "touch {0}.ready && exec sleep 900",
        home_.string(), size);
    auto child = cli::Child::start({"disk",
                                    "/usr/bin/unshare",
                                    {"-m", "/bin/sh", "-c", script},
                                    home_.string() + ".disk.log"});
    REQUIRE(child);
    holder_.emplace(std::move(*child));
    for (int i = 0; i < 300 && !std::filesystem::exists(home_.string() + ".ready"); ++i)
      usleep(100'000);
    REQUIRE(std::filesystem::exists(home_.string() + ".ready"));
  }

  [[nodiscard]] std::vector<std::string> inside(std::vector<std::string> words) const {
    words.insert(words.begin(), {"-t", std::to_string(holder_->pid()), "-m"});
    return words;
  }
  cli::Ran run(const std::vector<std::string>& words) const {
    auto ran = cli::run_program("/usr/bin/nsenter", inside(words));
    REQUIRE(ran);
    return std::move(*ran);
  }
  cli::Ran sh(const std::string& line) const { return run({"/bin/sh", "-c", line}); }
  cli::Child start_agent(const std::filesystem::path& log) const {
    auto child = cli::Child::start(
        {"agent", "/usr/bin/nsenter",
         inside({bin("cloister-agent"), "--config", (home_ / "agent.toml").string()}), log});
    REQUIRE(child);
    return std::move(*child);
  }
  // The agent answers and hears the coordinator.
  [[nodiscard]] bool is_heard() const {
    const auto ran = run({bin("cloister"), "site", "status", "--json", "--agent", home_.string()});
    const auto json = provenance::parse_json(ran.out);
    return json && !text_or_empty(*json, "last_heard").empty();
  }

 private:
  std::filesystem::path home_;
  std::optional<cli::Child> holder_;
};

bool may_mount() {
  if (std::system("unshare -m mount -t tmpfs none /mnt 2>/dev/null") == 0) return true;
  WARN("SKIPPED: a mount namespace needs root.");
  return false;
}

// How it ended; none: it goes on.
std::optional<int> end_of(SmallConsortium& all, cli::Child& child) {
  std::optional<int> status;
  (void)all.eventually([&] {
    status = child.ended();
    return status.has_value();
  });
  return status;
}

std::string text_of(const std::filesystem::path& file) { return read_text(file).value_or(""); }

}  // namespace

TEST_CASE("on a full disk a job is held and says so, and goes on once there is room", "[system]") {
  if (!may_mount()) return;
  const cli::Folder folder;
  SmallConsortium all(folder.path);
  all.add_person("olivia", "study-owner");
  all.add_person("sam", "site-admin", "site-a");
  all.add_agent("site-a", policy_for(folder.path / "nothing-here"));
  all.process("site-a").stop();
  const auto home = all.agent("site-a");
  const SmallDisk disk(home, "40m");
  const auto log = folder.path / "agent-on-small-disk.log";
  auto agent = disk.start_agent(log);
  REQUIRE(all.eventually([&] { return disk.is_heard(); }));
  const auto fill = [&] {
    (void)disk.sh(fmt::format("cat /dev/zero >{}/fill 2>/dev/null", home.string()));
  };
  const auto decide = [&](const std::string& word) {
    return disk.run({bin("cloister"), "site", word, job, "--agent", home.string(), "--home",
                     all.home("sam").string(), "--passphrase-file",
                     (folder.path / "passphrase").string()});
  };
  fill();
  open_study(all);
  REQUIRE(all.eventually([&] { return decide("approve").status == 0; }));
  // Whoever asked is told, not only the log of the site.
  CHECK(all.eventually([&] {
    return all.as("olivia", {"study", "history", job}).text.find("No space left on device") !=
           std::string::npos;
  }));
  INFO(text_of(log));
  CHECK(text_of(log).find("file.disk_full  job=" + job) != std::string::npos);
  // Full still: it does not start again, and says why.
  agent.stop();
  fill();
  auto again = disk.start_agent(folder.path / "agent-again.log");
  const auto status = end_of(all, again);
  INFO(text_of(folder.path / "agent-again.log"));
  CHECK(status == exit_status(Kind::exhausted));
  CHECK(text_of(folder.path / "agent-again.log").find("store.disk_full") != std::string::npos);

  (void)disk.sh(fmt::format("rm {}/fill", home.string()));
  auto after = disk.start_agent(folder.path / "agent-after.log");
  REQUIRE(all.eventually([&] { return disk.is_heard(); }));
  REQUIRE(all.eventually([&] { return decide("resume").status == 0; }));
  // It runs now, and fails for the folder of the policy only.
  CHECK(all.eventually([&] {
    return text_of(folder.path / "agent-after.log").find("dataset.missing  job=" + job) !=
           std::string::npos;
  }));
}

TEST_CASE("an agent on a read-only disk does not start, and says which path and why", "[system]") {
  if (!may_mount()) return;
  const cli::Folder folder;
  SmallConsortium all(folder.path);
  all.add_agent("site-a", policy_for(folder.path));
  all.process("site-a").stop();
  const auto home = all.agent("site-a");
  const SmallDisk disk(home, "100m");
  REQUIRE(disk.sh("mount -o remount,ro " + home.string()).status == 0);
  auto agent = disk.start_agent(folder.path / "agent.log");
  const auto status = end_of(all, agent);
  const std::string said = text_of(folder.path / "agent.log");
  INFO(said);
  CHECK(status == exit_status(Kind::forbidden));
  CHECK(said.find("Read-only file system") != std::string::npos);
  CHECK(said.find(home.string()) != std::string::npos);
  REQUIRE(disk.sh("mount -o remount,rw " + home.string()).status == 0);
  auto after = disk.start_agent(folder.path / "agent-after.log");
  CHECK(all.eventually([&] { return disk.is_heard(); }));
}

TEST_CASE(
    "of two agents with one identity one halts, nothing is said twice, and a person puts it right",
    "[system]") {
  const cli::Folder folder;
  SmallConsortium all(folder.path);
  all.add_person("olivia", "study-owner");
  all.add_person("sam", "site-admin", "site-a");
  all.add_agent("site-a", policy_for(folder.path / "nothing-here", "\"register-data\""));
  const auto home = all.agent("site-a");
  const auto published =
      all.at("site-a", "sam", {"site", "publish-policy", (home / "policy.toml").string()});
  INFO(published.text);
  REQUIRE(published.status == 0);
  all.process("site-a").stop();
  const auto copy = folder.path / "sites" / "copy";
  std::filesystem::copy(home, copy, std::filesystem::copy_options::recursive);
  REQUIRE(all.process("site-a").restart());
  auto second = cli::Child::start({"copy",
                                   bin("cloister-agent"),
                                   {"--config", (copy / "agent.toml").string()},
                                   folder.path / "copy.log"});
  REQUIRE(second);
  all.wait_for_agent("site-a");
  open_study(all);
  // The one that has the session signs first: the approval by the policy, then why it failed. A
  // person who asks either of them to try again makes the other sign too, with counters that are
  // overtaken.
  const auto is_halted = [&](const std::string& site) {
    return cli::truth_at(all.at(site, "", {"site", "status"}).json, "halted");
  };
  const auto failures = [&] {
    std::size_t count = 0;
    for (const Json& one :
         cli::items_at(all.as("olivia", {"study", "history", job}).json, "records"))
      if (text_or_empty(one, "kind") == "job.failed") ++count;
    return count;
  };
  REQUIRE(all.eventually([&] { return failures() > 0; }));
  const auto one_halts = [&] {
    for (const char* site : {"site-a", "copy"}) {
      (void)all.at(site, "sam", {"site", "retry", job});
      if (is_halted(site)) return true;
    }
    return false;
  };
  CHECK((all.eventually(one_halts) || all.eventually(one_halts)));
  const auto history = all.as("olivia", {"study", "history", job});
  INFO(history.text + text_of(folder.path / "site-a.log") + text_of(folder.path / "copy.log"));
  std::size_t approvals = 0;
  for (const Json& one : cli::items_at(history.json, "records")) {
    const bool is_agents = text_or_empty(one, "by") == "site-a-agent";
    if (is_agents && text_or_empty(one, "kind") == "job.approved") ++approvals;
  }
  CHECK(approvals == 1);
  // The copy is stopped; whatever the other one was told, a person lets it go on.
  second->stop();
  if (is_halted("site-a")) {
    CHECK(all.at("site-a", "", {"site", "confirm"}).status == exit_status(Kind::conflict));
    CHECK(all.at("site-a", "", {"site", "confirm", "--sure"}).status == 0);
  }
  const std::size_t before = failures();
  CHECK(all.eventually([&] {
    (void)all.at("site-a", "sam", {"site", "retry", job});
    return failures() > before;
  }));
  CHECK_FALSE(is_halted("site-a"));
}
