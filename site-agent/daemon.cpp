#include "site-agent/daemon.h"

#include "base/log.h"
#include "config/units.h"
#include "member-shell/control.h"
#include "member-shell/reopening.h"
#include "member-shell/shell.h"
#include "site-agent/agent_verbs.h"
#include "site-agent/core/site_agent.h"
#include "site-agent/policy_file.h"

namespace cloister::site_agent {
namespace {

worker_host::Limits limits_of(const SitePolicy& policy) {
  worker_host::Limits limits;
  // The worker sets the policy's limits of memory and time on itself, from its order, where its
  // libraries are loaded already; here stands what would end it if it did not.
  limits.memory_bytes = 0;
  limits.cpu_seconds = policy.cpu_seconds_max == 0 ? 0 : policy.cpu_seconds_max + 60;
  return limits;
}

Result<void> check_device(const SitePolicy& policy, const std::string& device) {
  if (policy.gpu || device.starts_with("cpu")) return {};
  return fail(
      Kind::forbidden, "policy.gpu",
      fmt::format("agent.toml names the device '{}', and the site's policy allows no GPU.", device),
      "Set device = \"cpu\" in agent.toml, or gpu = true in policy.toml and sign it with "
      "`cloister site publish-policy`.");
}

}  // namespace

Result<Config> load_config(const std::filesystem::path& file) {
  auto document = config::Document::from_file(file);
  if (!document) return pass(document);
  const config::Fields root = document->root();
  Config config;
  config.file = file;
  config.home = member_shell::read_home(root, file);
  config.policy_file = root.path("policy", config.home.home / "policy.toml");
  if (auto ok = document->check(); !ok) return pass(ok);
  auto policy = load_policy(config.policy_file);
  if (!policy) return pass(policy);
  config.policy = std::move(*policy);
  if (auto ok = check_device(config.policy, config.home.device); !ok) return pass(ok);
  if (config.policy.threads == 0) config.policy.threads = config.home.threads;
  return config;
}

std::string to_text(const Config& config) {
  std::string automatic;
  for (const std::string& kind : config.policy.automatic) automatic += kind + " ";
  return member_shell::to_text(config.home) +
         fmt::format(
             "policy = \"{}\"\n# digest of the policy: {}\n# data: {}\n# automatic: {}\n"
             "# may leave for one study: {}, {} cases\n",
             config.policy_file.string(), to_hex(config.policy.digest), config.policy.data_root,
             automatic, config::size_text(config.policy.leave_bytes_max),
             config.policy.leave_cases_max);
}

namespace {

// Until it is to end (false) or to be opened again (true).
Result<bool> run_once(const Config& config) {
  auto home = member_shell::open_home(config.home);
  if (!home) return pass(home);
  AgentOptions options;
  options.link = home->link;
  options.policy = config.policy;
  options.worker_device = config.home.device;
  auto shell = member_shell::Shell::open(
      config.home, std::move(*home),
      {config.policy.data_root, limits_of(config.policy), config.policy.disk_bytes_max,
       config.policy.upload_bytes_per_second});
  if (!shell) return pass(shell);
  const auto stored = (*shell)->stored();
  if (!stored) return pass(stored);
  SiteAgent agent(std::move(options), (*shell)->home().identity.sign, *stored);
  auto control =
      member_shell::Control::open(**shell, config.home.home, agent_verbs(**shell, config));
  if (!control) return pass(control);
  WithdrawnCases withdrawn(config.policy_file);
  const auto on = [&](const member::Event& event, Instant now) {
    if (auto names = withdrawn.changed()) {
      if (*names) {
        log_info("policy.withdrawn_cases", {{"names", fmt::format("{}", (*names)->size())}});
      } else {
        log_warn(names->error().code, {{"what", names->error().what}});
      }
      agent.leave_out(std::move(*names));
    }
    return agent.on(event, now);
  };
  (*shell)->set_core({on, [&] { return agent.next_deadline(); }},
                     [&](const member::Tell& tell) { (*control)->tell(tell); });
  log_info("agent.started", {{"member", (*shell)->home().link.self.text()},
                             {"policy", short_hex(config.policy.digest)}});
  if (auto ran = (*shell)->run(); !ran) return pass(ran);
  return (*shell)->wants_reopening();
}

}  // namespace

Result<void> run(Config config, const std::filesystem::path& file) {
  return member_shell::run_and_reopen(
      std::move(config), [&] { return load_config(file); }, run_once, "agent.reopened");
}

}  // namespace cloister::site_agent
