// Who may do what, through real processes and the command line alone.
#include <unistd.h>

#include <catch2/catch.hpp>
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

std::string job_state(const Json& jobs, const std::string& id) {
  for (const Json& job : cli::items_at(jobs, "jobs"))
    if (text_or_empty(job, "id") == id) return text_or_empty(job, "state");
  return "none";
}

}  // namespace

TEST_CASE("an agent changes its keys without a restart, and the former ones are dead", "[system]") {
  const cli::Folder folder;
  SmallConsortium all(folder.path);
  all.add_agent("site-a", policy_for(folder.path));
  const auto agent = all.agent("site-a");
  const auto before = all.at("site-a", "", {"site", "status"});
  const pid_t pid = all.process("site-a").pid();
  std::filesystem::create_directory(folder.path / "stolen");
  for (const char* name :
       {"identity.key", "passphrase", "membership.json", "agent.toml", "policy.toml"})
    std::filesystem::copy(agent / name, folder.path / "stolen" / name);

  const std::string token = all.token({"site-a"});
  std::vector<std::string> rotate{"site",   "rotate", token, "--fast-keys-for-tests-only",
                                  "--wait", "0"};
  const auto waits = all.at("site-a", "", rotate);
  INFO(waits.text);
  REQUIRE(waits.status == 0);
  CHECK_FALSE(cli::truth_at(waits.json, "rotated"));
  const std::string print = text_or_empty(waits.json, "fingerprint");
  CHECK(all.as("root",
               {"consortium", "approve", "site-a-agent", "--fingerprint", "0000 0000 0000 0000"})
            .code == "approve.fingerprint");
  REQUIRE(
      all.as("root", {"consortium", "approve", "site-a-agent", "--fingerprint", print}).status ==
      0);
  rotate.back() = "20";
  const auto done = all.at("site-a", "", rotate);
  INFO(done.text);
  REQUIRE(done.status == 0);
  CHECK(cli::truth_at(done.json, "rotated"));

  const auto after = all.at("site-a", "", {"site", "status"});
  const Json keys = cli::object_at(after.json, "keys");
  CHECK(text_or_empty(keys, "fingerprint") == print);
  CHECK(text_or_empty(cli::object_at(before.json, "keys"), "fingerprint") != print);
  CHECK(all.process("site-a").pid() == pid);  // the same process
  CHECK_FALSE(all.process("site-a").ended().has_value());
  CHECK_FALSE(std::filesystem::exists(agent / "identity.next.key"));

  // Whoever copied the keys before has nothing now: a second agent with them is not let in.
  auto thief = cli::Child::start({"thief",
                                  std::string(CLOISTER_BIN) + "/cloister-agent",
                                  {"--config", (folder.path / "stolen" / "agent.toml").string()},
                                  folder.path / "thief.log"});
  REQUIRE(thief);
  CHECK(all.eventually([&] {
    const auto members = all.as("root", {"consortium", "members"});
    for (const Json& one : cli::items_at(members.json, "members"))
      if (text_or_empty(one, "id") == "site-a-agent") return !cli::truth_at(one, "rotating");
    return false;
  }));
  usleep(2'000'000);
  const auto heard =
      cli::run_program(std::string(CLOISTER_BIN) + "/cloister",
                       {"site", "status", "--json", "--agent", (folder.path / "stolen").string()});
  REQUIRE(heard);
  const auto thief_status = provenance::parse_json(heard->out);
  REQUIRE(thief_status);
  CHECK(text_or_empty(*thief_status, "last_heard").empty());
}

TEST_CASE("a trainer changes its keys without a restart, and the former ones are dead",
          "[system]") {
  const cli::Folder folder;
  SmallConsortium all(folder.path);
  all.start_trainer();
  all.add_agent("site-a", policy_for(folder.path));
  const auto trainer = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "trainer");
    words.insert(words.end(), {"--trainer", all.trainer().string()});
    return all.say(std::move(words));
  };
  const auto row = [&] {
    const auto members = all.as("root", {"consortium", "members"});
    for (const Json& one : cli::items_at(members.json, "members"))
      if (text_or_empty(one, "id") == "trainer") return one;
    return Json::object();
  };
  const std::string seal = text_or_empty(row(), "seal");
  const pid_t pid = all.process("trainer").pid();
  const pid_t agent = all.process("site-a").pid();
  const auto stolen = folder.path / "stolen";
  std::filesystem::create_directory(stolen);
  for (const char* name : {"identity.key", "passphrase", "membership.json", "trainer.toml"})
    std::filesystem::copy(all.trainer() / name, stolen / name);

  std::vector<std::string> rotate{"rotate", all.token({"trainer", "--role", "trainer"}),
                                  "--fast-keys-for-tests-only", "--wait", "0"};
  const auto waits = trainer(rotate);
  INFO(waits.text);
  REQUIRE(waits.status == 0);
  CHECK_FALSE(cli::truth_at(waits.json, "rotated"));
  const std::string print = text_or_empty(waits.json, "fingerprint");
  REQUIRE(all.as("root", {"consortium", "approve", "trainer", "--fingerprint", print}).status == 0);
  rotate.back() = "20";
  const auto done = trainer(rotate);
  INFO(done.text);
  REQUIRE(done.status == 0);
  CHECK(cli::truth_at(done.json, "rotated"));

  const auto status = trainer({"status"});
  CHECK(text_or_empty(cli::object_at(status.json, "keys"), "fingerprint") == print);
  CHECK_FALSE(text_or_empty(status.json, "last_heard").empty());
  CHECK(all.process("trainer").pid() == pid);  // the same process
  CHECK_FALSE(all.process("trainer").ended().has_value());
  CHECK(all.eventually([&] { return !cli::truth_at(row(), "rotating"); }));
  CHECK(text_or_empty(row(), "seal") == seal);  // plans and permits name it: it stays
  CHECK(all.process("site-a").pid() == agent);
  CHECK_FALSE(all.process("site-a").ended().has_value());

  // Whoever copied the keys before is not let in.
  auto thief = cli::Child::start({"thief",
                                  std::string(CLOISTER_BIN) + "/cloister-trainer",
                                  {"--config", (stolen / "trainer.toml").string()},
                                  folder.path / "thief.log"});
  REQUIRE(thief);
  const auto ask_thief = [&] {
    return all.say({"trainer", "status", "--trainer", stolen.string()});
  };
  CHECK(all.eventually([&] { return ask_thief().status == 0; }));
  usleep(2'000'000);
  CHECK(text_or_empty(ask_thief().json, "last_heard").empty());
  thief->stop();
  // A trainer that is gone is told apart from one that is silent.
  const auto gone = ask_thief();
  CHECK(gone.code == "control.unreachable");
  CHECK(gone.text.find("No trainer answers") != std::string::npos);
}

TEST_CASE("a token that ran out is replaced by another one, and each verb takes its own tokens",
          "[system]") {
  const cli::Folder folder;
  SmallConsortium all(folder.path);
  const std::string home = all.agent("site-a").string();
  const auto enrol = [&](const std::string& token, const std::string& wait) {
    return all.say(
        {"site", "enrol", token, "--home", home, "--fast-keys-for-tests-only", "--wait", wait});
  };
  const std::string first = all.token({"site-a"});
  CHECK(all.as("sam", {"consortium", "join", first, "--wait", "0"}).code == "enrol.verb");
  CHECK(enrol(all.token({"sam", "--role", "auditor"}), "0").code == "enrol.verb");
  CHECK_FALSE(std::filesystem::exists(all.agent("site-a")));  // nothing was made
  const auto asked = enrol(first, "0");
  INFO(asked.text);
  REQUIRE(asked.status == 0);
  // The consortium did not telephone in time. The keys stay what they were.
  const std::string print = text_or_empty(asked.json, "fingerprint");
  const std::string second = all.token({"site-a"});
  const auto again = enrol(second, "0");
  INFO(again.text);
  REQUIRE(again.status == 0);
  CHECK(text_or_empty(again.json, "fingerprint") == print);
  REQUIRE(
      all.as("root", {"consortium", "approve", "site-a-agent", "--fingerprint", print}).status ==
      0);
  CHECK(cli::truth_at(enrol(second, "20").json, "enrolled"));
  const auto done = enrol(second, "0");
  CHECK(done.code == "enrol.done");
  CHECK(done.text.find("cloister site rotate") != std::string::npos);
}

TEST_CASE("a person's next message after the revocation is refused, everybody else goes on",
          "[system]") {
  const cli::Folder folder;
  SmallConsortium all(folder.path);
  all.add_person("olivia", "study-owner");
  all.add_person("aude", "auditor");
  REQUIRE(all.as("olivia", {"study", "list"}).status == 0);
  REQUIRE(all.as("root", {"consortium", "revoke", "olivia", "--reason", "left"}).status == 0);
  const auto refused = all.as("olivia", {"study", "list"});
  INFO(refused.text);
  CHECK(refused.status != 0);
  CHECK(all.as("aude", {"study", "list"}).status == 0);
}

TEST_CASE("a person changes keys: the former ones are refused, the new ones go on", "[system]") {
  const cli::Folder folder;
  SmallConsortium all(folder.path);
  all.add_person("olivia", "study-owner");
  std::filesystem::copy(all.home("olivia"), all.home("thief"));
  std::vector<std::string> rotate{"consortium",
                                  "rotate",
                                  all.token({"olivia", "--role", "study-owner"}),
                                  "--fast-keys-for-tests-only",
                                  "--wait",
                                  "0"};
  const auto waits = all.as("olivia", rotate);
  INFO(waits.text);
  REQUIRE(all.as("root", {"consortium", "approve", "olivia", "--fingerprint",
                          text_or_empty(waits.json, "fingerprint")})
              .status == 0);
  rotate.back() = "20";
  const auto done = all.as("olivia", rotate);
  INFO(done.text);
  REQUIRE(done.status == 0);
  CHECK(all.as("olivia", {"study", "list"}).status == 0);
  CHECK(all.as("thief", {"study", "list"}).status != 0);
}

TEST_CASE("where the policy says two, the second administrator's approval makes the member",
          "[system]") {
  const cli::Folder folder;
  SmallConsortium all(folder.path);
  all.add_person("anna", "consortium-admin");
  REQUIRE(all.as("root", {"consortium", "policy", "--approvals", "2"}).status == 0);
  std::vector<std::string> join{"consortium",
                                "join",
                                all.token({"olivia", "--role", "study-owner"}),
                                "--fast-keys-for-tests-only",
                                "--wait",
                                "0"};
  const auto asked = all.as("olivia", join);
  const std::string print = text_or_empty(asked.json, "fingerprint");
  const auto first = all.as("anna", {"consortium", "approve", "olivia", "--fingerprint", print});
  INFO(first.text);
  REQUIRE(first.status == 0);
  CHECK(cli::truth_at(first.json, "approved"));
  const auto still = all.as("olivia", join);
  CHECK_FALSE(cli::truth_at(still.json, "enrolled"));
  const auto second = all.as("root", {"consortium", "approve", "olivia", "--fingerprint", print});
  INFO(second.text);
  REQUIRE(second.status == 0);
  join.back() = "20";
  CHECK(cli::truth_at(all.as("olivia", join).json, "enrolled"));
  // Fewer approvals is a decision of two again.
  const auto alone = all.as("anna", {"consortium", "policy", "--approvals", "1"});
  CHECK(cli::truth_at(alone.json, "approved"));
  CHECK(cli::number_at(all.as("root", {"consortium", "members"}).json, "approvals_needed") == 2);
  REQUIRE(all.as("root", {"consortium", "policy", "--approvals", "1"}).status == 0);
  CHECK(cli::number_at(all.as("root", {"consortium", "members"}).json, "approvals_needed") == 1);
}

TEST_CASE(
    "a site denies, approves, holds and takes up, an owner amends, aborts and closes, an "
    "auditor only reads",
    "[system]") {
  const cli::Folder folder;
  SmallConsortium all(folder.path);
  all.add_person("olivia", "study-owner");
  all.add_person("sam", "site-admin", "site-a");
  all.add_person("aude", "auditor");
  all.add_agent("site-a", policy_for(folder.path / "nothing-here"));
  const auto plan = (folder.path / "plan.toml").string();
  REQUIRE(write_text(plan, plan_of(all)));
  CHECK(all.as("aude", {"study", "open", plan}).status != 0);
  const auto opened = all.as("olivia", {"study", "open", plan});
  INFO(opened.text);
  REQUIRE(opened.status == 0);

  const std::string job = "heart-1-site-a-register-data-1";
  const auto state_here = [&](const std::string& id) {
    return job_state(all.at("site-a", "", {"site", "jobs"}).json, id);
  };
  const auto becomes = [&](const std::string& id, const std::string& state) {
    return all.eventually([&] { return state_here(id) == state; });
  };
  REQUIRE(becomes(job, "offered"));
  const auto shown = all.at("site-a", "", {"site", "show", job});
  CHECK(cli::truth_at(cli::object_at(shown.json, "compared"), "first"));
  CHECK(text_or_empty(shown.json, "legal_basis") == "vote 1");

  CHECK(all.at("site-a", "sam", {"site", "deny", job}).code == "sign.reason");
  REQUIRE(
      all.at("site-a", "sam", {"site", "deny", job, "--reason", "ask the ethics board"}).status ==
      0);
  CHECK(becomes(job, "denied"));
  // Taking it up again is the site's right, not the owner's and not the auditor's.
  CHECK(all.as("olivia", {"study", "retry", job}).code == "job.site");
  CHECK(all.as("aude", {"study", "abort", job, "--reason", "no"}).status != 0);
  REQUIRE(all.at("site-a", "sam", {"site", "retry", job}).status == 0);
  // It runs now, on a folder that is not there: it fails and says so to both sides.
  CHECK(all.eventually([&] {
    const auto history = all.as("olivia", {"study", "history", job});
    return history.text.find("job.failed") != std::string::npos;
  }));
  // The same name finds the job in the logs of the site and of the coordinator.
  const auto logs = all.at("site-a", "", {"site", "logs", job, "--all"});
  INFO(logs.text);
  REQUIRE(logs.status == 0);
  CHECK_FALSE(cli::items_at(logs.json, "daemon").empty());
  CHECK(logs.text.find("dataset.missing") != std::string::npos);
  const auto said = read_text(folder.path / "coordinator.log");
  REQUIRE(said);
  CHECK(said->find("job=" + job + "  kind=job.failed") != std::string::npos);
  // And before anybody accepts, the preflight says what is wrong with the folder.
  CHECK(all.at("site-a", "", {"site", "preflight", "heart-1"}).status != 0);
  REQUIRE(all.as("olivia", {"study", "abort", job, "--reason", "a new plan comes"}).status == 0);
  CHECK(becomes(job, "aborted"));

  CHECK(all.as("olivia", {"study", "amend", plan}).code == "amend.nothing");
  REQUIRE(write_text(plan, plan_of(all, "care")));
  const auto amended = all.as("olivia", {"study", "amend", plan});
  INFO(amended.text);
  REQUIRE(amended.status == 0);
  const std::string again = "heart-1-site-a-register-data-2";
  REQUIRE(becomes(again, "offered"));
  const auto compared =
      cli::object_at(all.at("site-a", "", {"site", "show", again}).json, "compared");
  const auto changes = cli::items_at(compared, "changes");
  REQUIRE(changes.size() == 1);
  CHECK(text_or_empty(changes.front(), "what") == "plan.purpose");
  CHECK(text_or_empty(changes.front(), "after") == "care");
  // Without the coordinator nothing can be signed, and the job is stopped here all the same.
  all.process("coordinator").stop();
  const auto hold = [&] {
    return all.at("site-a", "sam", {"site", "hold", again, "--reason", "on holiday"});
  };
  CHECK(hold().code == "decide.unsigned");
  const auto here = all.at("site-a", "", {"site", "jobs"});
  CHECK(here.text.find("Stopped on this machine") != std::string::npos);
  REQUIRE(all.process("coordinator").restart());
  REQUIRE(all.eventually([&] { return hold().status == 0; }));
  CHECK(becomes(again, "held"));
  REQUIRE(all.at("site-a", "sam", {"site", "resume", again}).status == 0);
  CHECK(becomes(again, "offered"));

  CHECK(all.as("aude", {"study", "close", "heart-1", "--reason", "no"}).status != 0);
  REQUIRE(all.as("olivia", {"study", "close", "heart-1", "--reason", "finished"}).status == 0);
  CHECK(becomes(again, "aborted"));
}

TEST_CASE("a policy is signed as its file is now, without a restart of the agent", "[system]") {
  const cli::Folder folder;
  SmallConsortium all(folder.path);
  all.add_person("ada", "site-admin", "site-a");
  all.add_person("sam", "site-steward", "site-a");
  all.add_agent("site-a", policy_for(folder.path));
  const auto file = all.agent("site-a") / "policy.toml";
  const auto sign = [&](const std::string& who, const std::string& what) {
    return all.at("site-a", who, {"site", "publish-policy", what});
  };
  const auto policy = [&] {
    return cli::object_at(all.at("site-a", "", {"site", "status"}).json, "policy");
  };
  REQUIRE(sign("ada", file.string()).status == 0);
  const std::string before = text_or_empty(policy(), "digest");
  const pid_t pid = all.process("site-a").pid();

  REQUIRE(write_text(file, policy_for(folder.path, "\"register-data\"")));
  const Said steward = sign("sam", file.string());
  CHECK(steward.code == "policy.signer");
  CHECK(text_or_empty(policy(), "digest") == before);  // nothing was touched for it
  const auto copy = folder.path / "copy.toml";
  REQUIRE(write_text(copy, policy_for(folder.path, "\"encode\"")));
  CHECK(sign("ada", copy.string()).code == "policy.other_file");

  const Said signed_now = sign("ada", file.string());
  INFO(signed_now.text);
  REQUIRE(signed_now.status == 0);
  CHECK(text_or_empty(policy(), "digest") != before);
  CHECK(cli::truth_at(policy(), "published"));
  CHECK(all.process("site-a").pid() == pid);

  REQUIRE(write_text(file, "automatic = [\"no such kind\"]\n"));
  CHECK(sign("ada", file.string()).code == "config.invalid");
  CHECK(cli::truth_at(policy(), "published"));  // the one that runs goes on

  REQUIRE(write_text(file, policy_for(folder.path, "\"encode\"")));
  REQUIRE(all.as("root", {"consortium", "revoke", "ada", "--reason", "left"}).status == 0);
  const Said too_late = sign("ada", file.string());
  INFO(too_late.text);
  CHECK(too_late.status != 0);
  CHECK(too_late.text.find("runs with the new file already") != std::string::npos);
  CHECK_FALSE(cli::truth_at(policy(), "published"));
}

TEST_CASE("who is not let in, or reaches nobody, says so until it works again", "[system]") {
  const cli::Folder folder;
  SmallConsortium all(folder.path);
  all.start_trainer();
  all.add_person("ada", "site-admin", "site-a");
  all.add_agent("site-a", policy_for(folder.path));
  const auto problem = [&](std::vector<std::string> words) {
    return text_or_empty(cli::object_at(all.say(std::move(words)).json, "problem"), "code");
  };
  const auto of_agent = [&] {
    return problem({"site", "status", "--agent", all.agent("site-a").string()});
  };
  const auto of_trainer = [&] {
    return problem({"trainer", "status", "--trainer", all.trainer().string()});
  };
  CHECK(of_agent().empty());

  all.process("coordinator").stop();
  CHECK(all.eventually([&] { return of_agent() == "connection.unreachable"; }));
  CHECK(all.eventually([&] { return of_trainer() == "connection.unreachable"; }));
  const Said signing = all.at(
      "site-a", "ada", {"site", "publish-policy", (all.agent("site-a") / "policy.toml").string()});
  CHECK(signing.code == "connection.unreachable");
  CHECK(all.as("ada", {"study", "list"}).code == "connection.unreachable");

  REQUIRE(all.process("coordinator").restart());
  CHECK(all.eventually([&] { return of_agent().empty() && of_trainer().empty(); }));
  REQUIRE(all.as("root", {"consortium", "revoke", "site-a-agent", "--reason", "sold"}).status == 0);
  CHECK(all.eventually([&] {
    const std::string code = of_agent();  // on the open line, or of the next one
    return code == "member.revoked" || code == "connection.no_member";
  }));
  CHECK(of_trainer().empty());
  const auto told = all.at("site-a", "", {"site", "status"});
  INFO(told.text);
  const Json shown = cli::object_at(told.json, "problem");
  CHECK_FALSE(text_or_empty(shown, "next").empty());
  CHECK_FALSE(text_or_empty(shown, "since").empty());
}
