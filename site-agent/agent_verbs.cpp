#include "site-agent/agent_verbs.h"

#include <filesystem>

#include "base/file.h"
#include "config/units.h"
#include "crypto/hash.h"

namespace cloister::site_agent {
namespace {

namespace fs = std::filesystem;
using provenance::Json;
using provenance::text_or_empty;

struct Check {
  std::string name;
  bool good = false;
  std::string what;
  std::string next;
};

Json to_json(const Check& check) {
  return Json()
      .set("name", check.name)
      .set("good", check.good)
      .set("what", check.what)
      .set("next", check.good ? std::string() : check.next);
}

Check check_data(const SitePolicy& policy) {
  std::error_code error;
  const bool good = !policy.data_root.empty() && fs::is_directory(policy.data_root, error) &&
                    fs::directory_iterator(policy.data_root, error) != fs::directory_iterator();
  return {
      "data", good && !error,
      good ? fmt::format("The data folder '{}' can be read.", policy.data_root)
           : fmt::format("The data folder '{}' is missing, empty or unreadable.", policy.data_root),
      "Set data_root in policy.toml and give this user the right to read it."};
}

Check check_disk(const fs::path& home) {
  constexpr std::uint64_t free_min = 2ULL << 30;
  std::error_code error;
  const auto space = fs::space(home, error);
  const bool good = !error && space.available >= free_min;
  return {"disk", good,
          error ? "The free space of the home folder cannot be read."
                : fmt::format("{} are free for vault and outbox.",
                              config::size_text(space.available >> 20 << 20)),
          "Make room: sealed shards wait on this disk until they are uploaded."};
}

Check check_line(const member_shell::Shell& shell, const std::string& address) {
  if (shell.line() == transport::ConnectionState::open)
    return {"coordinator",
            true,
            fmt::format("The line to the coordinator at {} is open.", address),
            {}};
  const Error& problem = shell.line_problem();
  const bool is_known = !problem.code.empty();
  return {"coordinator", false,
          is_known ? problem.what
                   : fmt::format("The line to the coordinator at {} is not open.", address),
          is_known ? problem.next
                   : "Check the address in agent.toml, the network, and whether the coordinator "
                     "runs."};
}

// The site's own report: where it lies, and what it holds. The files stay at the site.
Result<std::string> report(const Config& config, const Json& body) {
  const fs::path folder = config.home.home / "reports";
  const std::string study = text_or_empty(body, "study");
  Json files = Json::array();
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    if (!entry.is_regular_file(error)) continue;
    const std::string name = fs::relative(entry.path(), folder, error).string();
    if (study.empty() || name.starts_with(study + "-")) files.push(name);
  }
  return provenance::to_jcs(Json().set("folder", folder.string()).set("files", std::move(files)));
}

// What `site publish-policy` would sign now, and what runs here.
Result<std::string> policy_file(const Config& config) {
  const auto text = read_text(config.policy_file, 1U << 20);
  if (!text) return pass(text);
  return provenance::to_jcs(Json()
                                .set("file", config.policy_file.string())
                                .set("digest", crypto::sha256(as_bytes(*text)))
                                .set("running", config.policy.digest));
}

std::string doctor(const member_shell::Shell& shell, const Config& config) {
  Json checks = Json::array();
  checks.push(to_json(check_line(shell, to_string(config.home.coordinator))));
  checks.push(to_json(check_data(config.policy)));
  checks.push(to_json(check_disk(config.home.home)));
  const auto worker = member_shell::find_worker(config.home.worker);
  checks.push(
      to_json({"worker", worker.has_value(),
               worker ? fmt::format("The worker is '{}'.", worker->string()) : worker.error().what,
               worker ? std::string() : worker.error().next}));
  return provenance::to_jcs(
      Json().set("checks", std::move(checks)).set("device", config.home.device));
}

}  // namespace

member_shell::ControlOptions agent_verbs(member_shell::Shell& shell, const Config& config) {
  member_shell::ControlOptions options;
  options.check_files = [&config]() -> Result<void> {
    const auto fresh = load_config(config.file);
    if (!fresh) return pass(fresh);
    return {};
  };
  options.own_verbs["report"] = [&config](const Json& body) { return report(config, body); };
  options.own_verbs["policy-file"] = [&config](const Json&) { return policy_file(config); };
  options.own_verbs["doctor"] = [&shell, &config](const Json&) { return doctor(shell, config); };
  return options;
}

}  // namespace cloister::site_agent
