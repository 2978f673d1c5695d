// A consortium of real processes whose hospitals' files name marked patients: nothing that leaves a
// site, no log and no value of the ledger holds a mark; then a site takes its data back.
#include <fmt/format.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "base/file.h"
#include "base/time.h"
#include "cli/child.h"
#include "cli/json_read.h"
#include "exports/exports.h"
#include "tests/cli/folder.h"
#include "tests/system/small_consortium.h"

using namespace cloister;
using namespace cloister::cli;
using provenance::Json;
namespace fs = std::filesystem;

namespace {

constexpr const char* mark = "ZZDOE19470312";
constexpr const char* reason_word = "QQMEIERROOM12";  // in a reason that a person types
constexpr Duration demo_max{9 * 60'000};

std::string bin(const std::string& name) { return std::string(CLOISTER_BIN) + "/" + name; }

int python(const std::string& script, const std::string& arguments) {
  return std::system(
      fmt::format("/usr/bin/python3 tests/system/{} {} >&2", script, arguments).c_str());
}

// Every program started meanwhile writes down what passes its transport (message_recorder.cpp).
class Recording {
 public:
  explicit Recording(fs::path to) : folder(std::move(to)) {
    REQUIRE(make_folder(folder));
    setenv("CLOISTER_TEST_RECORD", folder.c_str(), 1);
    setenv("LD_PRELOAD", MESSAGE_RECORDER, 1);
  }
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  ~Recording() { stop(); }
  static void stop() {
    unsetenv("LD_PRELOAD");
    unsetenv("CLOISTER_TEST_RECORD");
  }
  // The recordings of one kind, for the search.
  [[nodiscard]] std::string files(const std::string& kind) const {
    std::string names;
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().extension() == kind) names += " " + entry.path().string();
    }
    REQUIRE_FALSE(names.empty());
    return names;
  }

  const fs::path folder;
};

// As a stranger: the script is cut out of the bundle's README, and needs openssl, jq and awk only.
void check_prediction_by_hand(const fs::path& folder, const fs::path& out) {
  const std::string readme = (out / "audit-bundle/README.md").string();
  const std::string script = (folder / "check.sh").string();
  const auto shell = [](const std::string& command) {
    return std::system((command + " >&2").c_str());
  };
  REQUIRE(shell(fmt::format(
              "awk '/^```bash/{{on=1;next}} /^```/{{on=0}} on' {} >{}; test $(wc -l <{}) -le 40",
              readme, script, script)) == 0);
  const std::string bundle = (out / "audit-bundle").string();
  CHECK(shell(fmt::format("bash {} {} {}", script, bundle,
                          (out / "predictions/site-a-new.nii.gz").string())) == 0);
  CHECK(shell(fmt::format("bash {} {} {}", script, bundle, readme)) != 0);
}

// The daemons of a finished demo, started again on what it left.
class Consortium {
 public:
  explicit Consortium(fs::path out) : out_(std::move(out)) {
    start("cloister-coordinator", out_ / "homes/consortium/coordinator/coordinator.toml");
    start("cloister-trainer", out_ / "homes/consortium/trainer/trainer.toml");
    for (const char* site : {"site-a", "site-b", "site-c"}) {
      start("cloister-agent", agent(site) / "agent.toml");
    }
  }
  [[nodiscard]] fs::path agent(const std::string& site) const {
    return out_ / "homes/sites" / site;
  }
  // What a verb answers in JSON; its exit status in `status`.
  Json ask(const std::string& person, std::vector<std::string> words) {
    words.insert(words.end(), {"--json", "--home", (out_ / "homes/people" / person).string(),
                               "--passphrase-file", (out_ / "homes/passphrase").string()});
    return run(words);
  }
  Json at_site(const std::string& site, const std::string& person, std::vector<std::string> words) {
    words.insert(words.end(), {"--agent", agent(site).string()});
    return ask(person, std::move(words));
  }
  Json run(const std::vector<std::string>& words) {
    const auto ran = run_program(bin("cloister"), words, {.in = {}, .limit = demo_max, .log = {}});
    REQUIRE(ran);
    status = ran->status;
    said = ran->out + ran->err;
    return provenance::parse_json(ran->out, {.bytes_max = 64U << 20, .values_max = 4'000'000})
        .value_or(Json::object());
  }
  // Asks until it holds, at most two minutes.
  template <class Ask, class Holds>
  bool until(Ask ask_now, Holds holds) {
    const SystemClock clock;
    for (const Duration end = clock.monotonic() + Duration{120'000}; clock.monotonic() < end;) {
      if (holds(ask_now())) return true;
      usleep(1'000'000);
    }
    return false;
  }
  int status = 0;
  std::string said;

 private:
  void start(const std::string& program, const fs::path& config) {
    INFO(config.string());
    REQUIRE(fs::exists(config));
    auto child = Child::start(
        {program, bin(program), {"--config", config.string()}, out_ / "logs/after.log"});
    REQUIRE(child);
    children_.push_back(std::move(*child));
  }
  fs::path out_;
  std::vector<Child> children_;
};

}  // namespace

TEST_CASE(
    "no marked patient leaves a site, and a site's withdrawal stops everything made of its data",
    "[system]") {
  const Folder folder;
  const fs::path data = folder.path / "data";
  for (const auto& [site, scanner] : {std::pair("site-a", 0U), {"site-b", 1U}, {"site-c", 2U}}) {
    system_test::make_phantom(data / site, scanner);
  }
  REQUIRE(python("mark_patients.py", fmt::format("{} {}", data.string(), mark)) == 0);
  const fs::path out = folder.path / "out";
  const Recording recording(folder.path / "recorded");
  const auto demo =
      run_program(bin("cloister"),
                  {"demo", "--budget", "rehearsal", "--data", data.string(), "--out", out.string()},
                  {.in = {}, .limit = demo_max, .log = folder.path / "demo.log"});
  REQUIRE(demo);
  INFO(read_text(folder.path / "demo.log").value_or("") + demo->out);
  REQUIRE(demo->status == 0);

  check_prediction_by_hand(folder.path, out);

  Consortium all(out);
  const auto story = [&] { return all.ask("aude", {"audit", "withdrawals", "heart-demo"}); };
  REQUIRE(all.until(story, [&](const Json&) { return all.status == 0; }));
  const auto told = all.at_site(
      "site-a", "steward-site-a",
      {"site", "withdraw", "heart-demo", "--reason", std::string(reason_word) + " asked"});
  INFO(all.said);
  REQUIRE(all.status == 0);
  CHECK(items_at(told, "withdrawn").size() == 1);
  // Three agents and the trainer confirm under their own signatures.
  REQUIRE(all.until(story, [](const Json& answer) {
    const auto stories = items_at(answer, "withdrawals");
    return stories.size() == 1 && items_at(stories[0], "confirmations").size() == 4;
  }));
  const Json one = items_at(story(), "withdrawals")[0];
  CHECK(items_at(one, "escaped").empty());
  CHECK(items_at(one, "quarantines").size() == 1);
  const Json made = object_at(one, "made");
  for (const char* thing : {"manifest", "model", "image-encoder", "evaluation"}) {
    INFO(thing);
    CHECK(number_at(made, thing) >= 1);
  }
  // Serving has stopped: no new mask out of the old network.
  const std::string image = (folder.path / "image.nii.gz").string();
  for (const auto& entry : fs::directory_iterator(data / "site-b/imagesTs")) {
    fs::copy_file(entry.path(), image, fs::copy_options::overwrite_existing);
  }
  all.run({"predict", image, "-o", (folder.path / "mask.nii.gz").string(), "--agent",
           all.agent("site-b").string(), "--json"});
  CHECK(all.status != 0);
  CHECK_FALSE(fs::exists(folder.path / "mask.nii.gz"));
  // Two of three sites are below the quorum: the owner says why there is no retrain.
  all.ask("olivia", {"study", "no-retrain", "heart-demo", "--reason", "two sites are too few"});
  INFO(all.said);
  CHECK(all.status == 0);
  const Json study = all.ask("olivia", {"study", "status", "heart-demo"});
  CHECK(provenance::text_or_empty(study, "phase") == "withdrawn");

  // The steward wrote what should not stand there for ever. Everybody has confirmed: it is erased.
  const fs::path ledger = out / "homes/consortium/coordinator/ledger";
  CHECK(python("find_mark.py", fmt::format("{} {}", reason_word, ledger.string())) != 0);
  const std::string number =
      fmt::format("{:.0f}", number_at(object_at(one, "withdrawal"), "index"));
  all.ask("steward-site-b", {"erase", number});
  CHECK(all.status == exit_status(Kind::forbidden));
  all.ask("steward-site-a", {"erase", number, "--basis", "GDPR Article 17"});
  INFO(all.said);
  REQUIRE(all.status == 0);
  CHECK(python("find_mark.py", fmt::format("{} {}", reason_word, ledger.string())) == 0);
  Json erased;  // the coordinator begins again, and forgets
  REQUIRE(all.until(story, [&](const Json& answer) {
    erased = answer;
    return all.status == 0;
  }));
  CHECK(all.said.find(reason_word) == std::string::npos);
  CHECK(all.said.find("words erased by steward-site-a (site-a) under record") != std::string::npos);
  const auto closure = [](const Json& told_of) {
    return object_at(object_at(told_of, "closure"), "closure");
  };
  CHECK(closure(items_at(erased, "withdrawals")[0]) == closure(one));

  // The whole ledger still stands up to a replay, and goes out in every form.
  all.ask("aude", {"audit", "verify"});
  INFO(all.said);
  CHECK(all.status == 0);
  for (const auto form : exports::form_names) {
    all.ask("aude", {"audit", "export", (folder.path / "forms" / std::string(form)).string(),
                     "--as", std::string(form), "--study", "heart-demo"});
    INFO(all.said);
    CHECK(all.status == 0);
  }
  all.ask("aude", {"audit", "export", (folder.path / "forms/bundle").string()});
  CHECK(all.status == 0);
  const auto checked =
      run_program(bin("cloister-verify"), {(folder.path / "forms/bundle").string()});
  REQUIRE(checked);
  CHECK(checked->status == 0);

  // Everything that is not inside a hospital: the coordinator's and the trainer's homes, people's
  // homes, every log, every bundle, report and export; and the agents' own logs.
  REQUIRE(
      python("find_mark.py",
             fmt::format("{} {} {} {} {} {} {} {} {}", mark, (out / "homes/consortium").string(),
                         (out / "homes/people").string(), (out / "logs").string(),
                         (out / "audit-bundle").string(), (out / "report.json").string(),
                         (out / "report.html").string(), (folder.path / "forms").string(),
                         (folder.path / "demo.log").string())) == 0);
  // Every frame before it was encrypted and after it was decrypted, and every byte on the wire: of
  // the daemons and of people's commands. What surely stands in messages is found there, and not on
  // the wire: so the recording sees messages as they are, and the wire shows none of them.
  Recording::stop();
  const auto found = [&](const std::string& word, const std::string& kind) {
    return python("find_mark.py", fmt::format("{}{}", word, recording.files(kind))) != 0;
  };
  CHECK(found("heart-demo", ".messages"));
  CHECK(found("sealed_sha256", ".messages"));
  CHECK_FALSE(found("heart-demo", ".wire"));
  CHECK_FALSE(found("sealed_sha256", ".wire"));
  CHECK(found("CURVE", ".wire"));
  CHECK_FALSE(found(mark, ".messages"));
  CHECK_FALSE(found(mark, ".wire"));
  // The search can find: the marks are in the hospitals' own files.
  CHECK(python("find_mark.py", fmt::format("{} {}", mark, data.string())) != 0);
}
