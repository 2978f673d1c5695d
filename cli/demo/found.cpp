// Keys, daemons, enrolment.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "base/file.h"
#include "cli/agent_line.h"
#include "cli/consortium.h"
#include "cli/consortium_init.h"
#include "cli/demo/world.h"
#include "cli/json_read.h"
#include "cli/site.h"

namespace cloister::cli {
namespace {

constexpr Duration daemon_start_max{30'000};

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

// A port that nobody listens on now. Another program could take it before our daemon does: then the
// daemon says so and the demo is run again.
Result<std::uint16_t> free_port() {
  const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  const bool bound = descriptor >= 0 && bind(descriptor, plain, size) == 0 &&
                     getsockname(descriptor, plain, &size) == 0;
  if (descriptor >= 0) close(descriptor);
  if (bound) return ntohs(address.sin_port);
  return fail(Kind::unavailable, "demo.port", "No port of the loopback interface is free.",
              "Look at what this machine is doing, and try again.");
}

struct Newcomer {
  std::string name;  // of the member, or the site for an agent
  std::string role;  // empty: agent
  std::string site;
  std::filesystem::path home;
  std::filesystem::path data;
  std::string centre;
};

// The sites' workers share this machine: more threads than cores would only wait for each other.
unsigned threads_a_site(const World& world) {
  const long cores = std::max(1L, sysconf(_SC_NPROCESSORS_ONLN));
  const auto sites = static_cast<long>(std::max<std::size_t>(1, world.sites.size()));
  return static_cast<unsigned>(std::max(1L, cores / sites));
}

// Invited, keys made, fingerprint compared, approved, enrolled: what takes people three telephone
// calls. An enrolment that was cut off begins again with a new token.
Result<void> enrol(World& world, Seat& root, const Newcomer& who) {
  if (is_there(who.home / "membership.json")) return {};
  std::error_code ignored;
  std::filesystem::remove_all(who.home, ignored);
  auto token = invite(root, {who.name, who.role, who.site, {}});
  if (!token) return pass(token);
  JoinOptions options;
  options.token = to_text(*token);
  options.home = who.home;
  options.passphrase = world.people;
  options.worker = world.programs.worker.string();
  options.device = world.options.device;
  options.policy = {who.data, who.centre, threads_a_site(world), world.options.preset == "guided"};
  options.wait = Duration{0};
  auto asked = join(options);
  if (!asked) return pass(asked);
  const std::string print = provenance::text_or_empty(asked->json, "fingerprint");
  auto approved = approve_member(root, {token->member, print, false});
  if (!approved) return pass(approved);
  options.wait = Duration{20'000};
  auto joined = join(options);
  if (!joined) return pass(joined);
  world.narrator.say(
      "enrolled",
      fmt::format("{:<16} {:<13} token → keys made there → fingerprint {}… compared → "
                  "approved",
                  token->member, protocol::to_string(token->role), print.substr(0, 9)),
      joined->json);
  return {};
}

std::vector<Newcomer> everybody(const World& world) {
  std::vector<Newcomer> all;
  all.push_back(
      {std::string(demo_owner), "study-owner", "", world.person(std::string(demo_owner)), {}, {}});
  all.push_back(
      {std::string(demo_auditor), "auditor", "", world.person(std::string(demo_auditor)), {}, {}});
  for (const DemoSite& site : world.sites) {
    all.push_back({site.id, "", "", site.agent, site.data, site.centre});
    all.push_back({"steward-" + site.id, "site-steward", site.id, site.steward, {}, {}});
    all.push_back({"admin-" + site.id, "site-admin", site.id, site.admin, {}, {}});
  }
  return all;
}

Result<AgentLine> wait_for_agent(World& world, const DemoSite& site) {
  const SystemClock clock;
  const Duration end = clock.monotonic() + daemon_start_max;
  while (true) {
    auto line = AgentLine::open(site.agent);
    if (line) {
      const auto status = line->ask("status");
      if (status && !provenance::text_or_empty(*status, "last_heard").empty()) return line;
    }
    if (clock.monotonic() > end) {
      if (!line) return line;
      return fail(Kind::unavailable, "demo.agent",
                  fmt::format("The agent of {} does not reach the coordinator.", site.id),
                  fmt::format("Look at {}.", (world.logs() / (site.id + ".log")).string()));
    }
    keep_alive(world);
    usleep(100'000);
  }
}

Result<void> publish_policy(World& world, const DemoSite& site) {
  auto agent = wait_for_agent(world, site);
  if (!agent) return pass(agent);
  const auto status = agent->ask("status");
  if (status && truth_at(object_at(*status, "policy"), "published")) return {};
  auto admin = open_person(site.admin, world.people);
  if (!admin) return pass(admin);
  auto done = site_publish_policy(site.agent, *admin, site.agent / "policy.toml");
  if (!done) return pass(done);
  world.narrator.say(
      "policy",
      fmt::format("{}: admin-{} signed the policy: known kinds of jobs run by themselves, "
                  "nothing leaves without a steward",
                  site.id, site.id));
  return {};
}

}  // namespace

Result<void> start_child(World& world, const std::string& name,
                         const std::filesystem::path& program,
                         const std::filesystem::path& config) {
  if (world.children.contains(name)) return {};
  auto child =
      Child::start({name, program, {"--config", config.string()}, world.logs() / (name + ".log")});
  if (!child) return pass(child);
  world.children.emplace(name, std::move(*child));
  return {};
}

void keep_alive(World& world) {
  for (auto& [name, child] : world.children) {
    const auto status = child.ended();
    if (!status) continue;
    world.narrator.say("restarted",
                       fmt::format("{} ended (status {}): started again, it goes on where "
                                   "it was",
                                   name, *status));
    usleep(200'000);
    (void)child.restart();  // a failure shows as another end
  }
}

void stop_everything(World& world) {
  // The coordinator last, so that the others can hand in what they finished.
  for (auto& [name, child] : world.children) {
    if (name != "coordinator") child.stop();
  }
  world.children.clear();
}

Result<void> found_consortium(World& world) {
  world.stopwatch.enter("Consortium", "keys, the ledger's first records, the daemons");
  world.narrator.chapter("Consortium: root key, coordinator, trainer");
  const auto coordinator = world.consortium() / "coordinator";
  if (!is_there(coordinator / "genesis.json")) {
    std::error_code ignored;
    std::filesystem::remove_all(world.consortium(), ignored);
    InitOptions options;
    options.folder = world.consortium();
    options.name = "demo";
    options.worker = world.programs.worker.string();
    options.device = world.options.device;
    options.root_passphrase = world.people;
    auto members = free_port();
    if (!members) return pass(members);
    auto enrolment = free_port();
    if (!enrolment) return pass(enrolment);
    options.members = fmt::format("127.0.0.1:{}", *members);
    options.enrolment = fmt::format("127.0.0.1:{}", *enrolment);
    auto founded = init_consortium(options);
    if (!founded) return pass(founded);
    world.narrator.say("founded",
                       fmt::format("root fingerprint {}",
                                   provenance::text_or_empty(founded->json, "root_fingerprint")),
                       founded->json);
  }
  if (auto started = start_child(world, "coordinator", world.programs.coordinator,
                                 coordinator / "coordinator.toml");
      !started)
    return started;
  auto config = load_coordinator_config(coordinator);
  if (!config) return pass(config);
  world.narrator.say("coordinator",
                     fmt::format("coordinator on {} (members) and {} (newcomers), CURVE "
                                 "and signed messages on both",
                                 config->members, config->enrolment));
  return start_child(world, "trainer", world.programs.trainer,
                     world.consortium() / "trainer" / "trainer.toml");
}

Result<void> enrol_everybody(World& world) {
  world.stopwatch.enter("Enrolment", "agents and people, by one-time token");
  world.narrator.chapter("Enrolment by one-time token");
  auto root = take_seat(world.consortium() / "root", world.people);
  if (!root) return pass(root);
  // The first question also waits until the coordinator is up.
  auto health = root->line->ask<protocol::Told>(protocol::Ask{"health", ""}, daemon_start_max);
  if (!health) return pass(health);
  for (const Newcomer& who : everybody(world)) {
    if (auto enrolled = enrol(world, *root, who); !enrolled) return enrolled;
  }
  return {};
}

Result<void> start_agents(World& world) {
  world.stopwatch.enter("Enrolment", "agents and people, by one-time token");
  world.narrator.chapter("Agents: separate processes that dial out only");
  for (const DemoSite& site : world.sites) {
    if (auto started = start_child(world, site.id, world.programs.agent, site.agent / "agent.toml");
        !started)
      return started;
  }
  for (const DemoSite& site : world.sites) {
    if (auto published = publish_policy(world, site); !published) return published;
  }
  return {};
}

}  // namespace cloister::cli
