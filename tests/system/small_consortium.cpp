#include "tests/system/small_consortium.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include "base/file.h"
#include "cli/json_read.h"
#include "protocol/worker_frame.h"

namespace cloister::system_test {
namespace {

constexpr Duration patience{60'000};

std::string bin(const std::string& name) { return std::string(CLOISTER_BIN) + "/" + name; }

std::string free_address() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  REQUIRE(bind(descriptor, plain, size) == 0);
  REQUIRE(getsockname(descriptor, plain, &size) == 0);
  close(descriptor);
  return fmt::format("127.0.0.1:{}", ntohs(address.sin_port));
}

std::string field(const provenance::Json& json, const char* name) {
  return provenance::text_or_empty(json, name);
}

}  // namespace

SmallConsortium::SmallConsortium(std::filesystem::path folder) : folder_(std::move(folder)) {
  REQUIRE(make_folder(folder_ / "people"));
  REQUIRE(make_folder(folder_ / "sites"));
  REQUIRE(write_text(folder_ / "passphrase", "a passphrase for a test\n", FileMode::owner_only));
  const auto founded =
      say({"consortium", "init", (folder_ / "heart").string(), "--name", "heart", "--members",
           free_address(), "--enrolment", free_address(), "--fast-keys-for-tests-only",
           "--passphrase-file", (folder_ / "passphrase").string()});
  INFO(founded.text);
  REQUIRE(founded.status == 0);
  start("coordinator", "cloister-coordinator",
        (folder_ / "heart" / "coordinator" / "coordinator.toml").string());
  REQUIRE(eventually([&] { return as("root", {"consortium", "members"}).status == 0; }));
}

void SmallConsortium::start(const std::string& name, const std::string& program,
                            const std::string& config) {
  auto child =
      cli::Child::start({name, bin(program), {"--config", config}, folder_ / (name + ".log")});
  REQUIRE(child);
  processes_.emplace(name, std::move(*child));
}

Said SmallConsortium::say(std::vector<std::string> words) {
  words.emplace_back("--json");
  const auto ran = cli::run_program(bin("cloister"), words);
  REQUIRE(ran);
  Said said;
  said.status = ran->status;
  said.text = ran->out + ran->err;
  said.json = provenance::parse_json(ran->out).value_or(provenance::Json());
  for (const std::string& text : {ran->out, ran->err}) {
    const auto json = provenance::parse_json(text);
    const auto* error = json ? json->find("error") : nullptr;
    if (error != nullptr) said.code = field(*error, "code");
  }
  return said;
}

Said SmallConsortium::as(const std::string& person, std::vector<std::string> words) {
  for (const std::string& more :
       {std::string("--home"), home(person).string(), std::string("--passphrase-file"),
        (folder_ / "passphrase").string()})
    words.push_back(more);
  return say(std::move(words));
}

Said SmallConsortium::at(const std::string& site, const std::string& person,
                         std::vector<std::string> words) {
  words.emplace_back("--agent");
  words.push_back(agent(site).string());
  return person.empty() ? say(std::move(words)) : as(person, std::move(words));
}

std::string SmallConsortium::token(std::vector<std::string> words) {
  words.insert(words.begin(), {"consortium", "invite"});
  const auto invited = as("root", std::move(words));
  INFO(invited.text);
  REQUIRE(invited.status == 0);
  return field(invited.json, "token");
}

void SmallConsortium::approve(const std::string& member, const std::string& fingerprint) {
  const auto approved = as("root", {"consortium", "approve", member, "--fingerprint", fingerprint});
  INFO(approved.text);
  REQUIRE(approved.status == 0);
}

void SmallConsortium::add_person(const std::string& name, const std::string& role,
                                 const std::string& site) {
  std::vector<std::string> words{name, "--role", role};
  if (!site.empty()) words.insert(words.end(), {"--site", site});
  std::vector<std::string> join{"consortium", "join", token(words), "--fast-keys-for-tests-only",
                                "--wait",     "0"};
  const auto asked = as(name, join);
  INFO(asked.text);
  approve(name, field(asked.json, "fingerprint"));
  join.back() = "20";
  const auto joined = as(name, join);
  INFO(joined.text);
  REQUIRE(joined.status == 0);
}

void SmallConsortium::add_agent(const std::string& site, const std::string& policy) {
  std::vector<std::string> join{"site",
                                "enrol",
                                token({site}),
                                "--home",
                                agent(site).string(),
                                "--fast-keys-for-tests-only",
                                "--wait",
                                "0"};
  const auto asked = say(join);
  INFO(asked.text);
  approve(site + "-agent", field(asked.json, "fingerprint"));
  join.back() = "20";
  const auto joined = say(join);
  INFO(joined.text);
  REQUIRE(joined.status == 0);
  REQUIRE(write_text(agent(site) / "policy.toml", policy));
  start(site, "cloister-agent", (agent(site) / "agent.toml").string());
  wait_for_agent(site);
}

void SmallConsortium::start_trainer(const std::string& more) {
  const auto config = trainer() / "trainer.toml";
  const auto text = read_text(config);
  REQUIRE(text);
  REQUIRE(write_text(config, *text + more));
  start("trainer", "cloister-trainer", config.string());
  REQUIRE(eventually([&] {
    const auto status = say({"trainer", "status", "--trainer", trainer().string()});
    return status.status == 0 && !field(status.json, "last_heard").empty();
  }));
}

void SmallConsortium::wait_for_agent(const std::string& site) {
  REQUIRE(eventually([&] {
    const auto status = at(site, "", {"site", "status"});
    return status.status == 0 && !field(status.json, "last_heard").empty();
  }));
}

bool SmallConsortium::eventually(const std::function<bool()>& done) {
  const SystemClock clock;
  for (const Duration end = clock.monotonic() + patience; clock.monotonic() < end;) {
    if (done()) return true;
    usleep(200'000);
  }
  return false;
}

std::string policy_for(const std::filesystem::path& data, const std::string& automatic) {
  return fmt::format("data_root = \"{}\"\nstudies = [\"*\"]\nautomatic = [{}]\n", data.string(),
                     automatic);
}

std::string trainer_seal_of(SmallConsortium& all) {
  const auto members = all.as("root", {"consortium", "members"});
  for (const auto& one : cli::items_at(members.json, "members"))
    if (field(one, "id") == "trainer") return field(one, "seal");
  return {};
}

std::string plan_of(SmallConsortium& all, const std::string& purpose) {
  return fmt::format(
      "study = \"heart-1\"\ntitle = \"Hearts\"\npurpose = \"{}\"\nlegal_basis = \"vote 1\"\n"
      "owner = \"olivia\"\ntrainer = \"trainer\"\ntrainer_seal_key = \"{}\"\nsites = [\"site-a\"]\n"
      "quorum = 1\nrelease_approvals = 1\nstructures = [\"LV\"]\n[budget]\nname = \"quick\"\n",
      purpose, trainer_seal_of(all));
}

void make_phantom(const std::filesystem::path& folder, std::uint64_t scanner) {
  REQUIRE(make_folder(folder));
  using provenance::Json;
  const Json parameters = Json::object()
                              .set("folder", folder.string())
                              .set("name", folder.filename().string())
                              .set("scanner", scanner)
                              .set("training_patients", 5)
                              .set("test_patients", 2)
                              .set("seed", scanner + 1);
  const Json job =
      Json::object().set("job_id", "phantom").set("kind", "phantom").set("parameters", parameters);
  Bytes in = protocol::encode_frame(protocol::FrameType::job, as_bytes(to_jcs(job)));
  append(in, protocol::encode_frame(protocol::FrameType::start, {}));
  const auto ran = cli::run_program(bin("cloister-worker"), {},
                                    {.in = std::string(as_text(in)), .limit = patience, .log = {}});
  REQUIRE(ran);
  REQUIRE(std::filesystem::exists(folder / "dataset.json"));
}

}  // namespace cloister::system_test
