#include "cli/doctor.h"

#include <sys/stat.h>
#include <sys/timex.h>

#include "cli/agent_line.h"
#include "cli/checks.h"
#include "cli/child.h"
#include "cli/data_check.h"
#include "cli/homes.h"
#include "cli/json_read.h"
#include "cli/reach.h"
#include "cli/trainer.h"
#include "config/fields.h"
#include "crypto/identity.h"

namespace cloister::cli {
namespace {

using provenance::Json;

Check clock_check() {
  timex state{};
  const bool known = adjtimex(&state) >= 0;
  const bool synchronised = known && (state.status & STA_UNSYNC) == 0;
  if (synchronised) return good("clock", "synchronised");
  // Nothing of Cloister decides by the clock, but tokens expire by it.
  return {"clock", true,
          "not synchronised as far as the kernel knows: enrolment tokens may seem expired", ""};
}

Check disk_check(const std::filesystem::path& folder) {
  std::error_code problem;
  const auto space = std::filesystem::space(folder, problem);
  if (problem) return bad("disk", {Kind::not_found, "", problem.message(), "Check the folder."});
  const double gigabytes = static_cast<double>(space.available) / 1e9;
  std::string what = fmt::format("{:.1f} GB free at {}", gigabytes, folder.string());
  if (gigabytes >= 5) return good("disk", std::move(what));
  return {"disk", false, std::move(what), "Free at least 5 GB: shards and checkpoints need room."};
}

Check key_check(const std::filesystem::path& file) {
  struct stat about {};
  if (stat(file.c_str(), &about) != 0) {
    return {"key", false, fmt::format("There is no key file {}.", file.string()),
            "Enrol, or name the right folder."};
  }
  if ((about.st_mode & 077) != 0) {
    return {"key", false, fmt::format("{} can be read by others.", file.string()),
            fmt::format("chmod 600 {}", file.string())};
  }
  auto who = crypto::read_public_identity(file);
  if (!who) return bad("key", who.error());
  return good("key", fmt::format("{} ({}), fingerprint {}", who->id, who->role,
                                 crypto::fingerprint(who->sign)));
}

Check reach_check(const std::string& address) {
  auto reached = reach(address);
  if (!reached) return bad("network", reached.error());
  return good("network", "somebody listens at " + address);
}

void person_checks(const std::filesystem::path& home, Checks& checks) {
  auto connection = load_connection(home);
  if (!connection) {
    checks.push_back(bad("home", connection.error()));
    return;
  }
  checks.push_back(key_check(home / connection->key));
  checks.push_back(reach_check(connection->coordinator));
}

// The keys of an agent or a trainer that runs: how old they are, and whether a rotation was left
// half done.
void running_checks(AgentLine& process, ProcessKind kind, const std::filesystem::path& home,
                    Checks& checks) {
  auto status = process.ask("status");
  if (!status) return;
  const bool is_agent = kind == ProcessKind::agent;
  const std::string verbs = is_agent ? "cloister site" : "cloister trainer";
  const std::string where = is_agent ? "--agent DIR" : "--trainer DIR";
  const Json keys = object_at(*status, "keys");
  const std::string renew_by = provenance::text_or_empty(keys, "renew_by").substr(0, 10);
  if (truth_at(keys, "renew_now"))
    checks.push_back(
        {"keys", false,
         fmt::format("The {}'s keys should be renewed by {}.", is_agent ? "agent" : "trainer",
                     renew_by),
         fmt::format("Ask the consortium for a token, then: {} rotate TOKEN {}", verbs, where)});
  else
    checks.push_back(good("keys", "renew by " + renew_by));
  std::error_code ignored;
  if (std::filesystem::exists(home / "rotation.json", ignored))
    checks.push_back({"rotation", false, "A change of keys was begun and not finished.",
                      fmt::format("Run `{} rotate` with the same token again.", verbs)});
  if (truth_at(*status, "halted"))
    checks.push_back({"halted", false, provenance::text_or_empty(*status, "halted_why"),
                      fmt::format("{} confirm {}", verbs, where)});
}

// What the daemon's own configuration names.
void process_checks(const std::filesystem::path& home, Checks& checks) {
  checks.push_back(key_check(home / "identity.key"));
  checks.push_back(disk_check(home));
  for (const char* name : {"coordinator", "trainer"}) {
    const auto file = home / (std::string(name) + ".toml");
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored)) continue;
    auto program = find_program(std::string("cloister-") + name);
    auto ran = program ? run_program(*program, {"--config", file.string(), "--check-config"})
                       : Result<Ran>(tl::unexpected<Error>(program.error()));
    if (!ran)
      checks.push_back(bad("config", ran.error()));
    else
      checks.push_back({"config", ran->status == 0, ran->status == 0 ? file.string() : ran->err,
                        ran->status == 0 ? "" : "Correct the file."});
    auto document = config::Document::from_file(file);
    if (!document) continue;
    const std::string address =
        document->root().text(std::string(name) == "trainer" ? "coordinator" : "members", "");
    if (!address.empty()) checks.push_back(reach_check(address));
    if (std::string(name) != "trainer") continue;
    // One that was not started yet has nothing to say; its files were checked above.
    if (auto trainer = AgentLine::open_trainer(home))
      running_checks(*trainer, ProcessKind::trainer, home, checks);
  }
}

// A few images of the site, through the worker.
void data_checks(AgentLine& agent, const DoctorOptions& options, Checks& checks) {
  auto worker = find_program(options.worker);
  if (!worker) return;  // told of by itself
  auto place = data_place(agent);
  auto found = place ? inspect_data(*place, {*worker, options.cases_max, options.names, {}})
                     : Result<Json>(pass(place));
  if (!found) {
    checks.push_back(bad("images", found.error()));
    return;
  }
  for (Check& check : image_checks(*found)) checks.push_back(std::move(check));
  for (Check& check : problem_checks(*found)) checks.push_back(std::move(check));
}

// The device that the agent's workers compute on; empty where it is not known.
std::string agent_checks(const DoctorOptions& options, Checks& checks) {
  const auto& home = options.agent;
  checks.push_back(key_check(home / "identity.key"));
  auto agent = AgentLine::open(home);
  if (!agent) {
    checks.push_back(bad("agent", agent.error()));
    return {};
  }
  running_checks(*agent, ProcessKind::agent, home, checks);
  auto told = agent->ask("doctor");
  if (!told) {
    checks.push_back(bad("agent", told.error()));
    return {};
  }
  for (const Json& one : items_at(*told, "checks")) {
    checks.push_back({provenance::text_or_empty(one, "name"), truth_at(one, "good"),
                      provenance::text_or_empty(one, "what"),
                      provenance::text_or_empty(one, "next")});
  }
  data_checks(*agent, options, checks);
  return provenance::text_or_empty(*told, "device");
}

void worker_check(const std::string& name, const std::string& device, Checks& checks) {
  auto program = find_program(name);
  if (!program) {
    checks.push_back(bad("worker", program.error()));
    return;
  }
  std::vector<std::string> words{"--self-check"};
  if (!device.empty()) words.push_back(device);
  auto ran = run_program(*program, words);
  if (!ran) {
    checks.push_back(bad("worker", ran.error()));
    return;
  }
  auto told = provenance::parse_json(ran->out);
  if (ran->status == 0 && told) {
    checks.push_back(good("worker", to_jcs(*told)));
  } else {
    checks.push_back({"worker", ran->status == 0, ran->out + ran->err,
                      told && told->find("next") != nullptr
                          ? provenance::text_or_empty(*told, "next")
                          : "Install what it names; ./dev setup does it on Debian 12."});
  }
}

void drawing_checks(Checks& checks) {
  for (const auto* name : {"gnuplot", "dot"}) {
    auto program = find_program(name);
    if (program)
      checks.push_back(good(name, program->string()));
    else
      checks.push_back({name, false, "not installed: reports have no pictures of that sort",
                        std::string(name) == "dot" ? "apt-get install graphviz"
                                                   : "apt-get install gnuplot-nox"});
  }
}

}  // namespace

Result<Answer> doctor(const DoctorOptions& options) {
  Checks checks;
  checks.push_back(clock_check());
  checks.push_back(
      disk_check(options.agent.empty() ? std::filesystem::current_path() : options.agent));
  if (!options.home.empty()) person_checks(options.home, checks);
  std::string device;  // of a running agent: tried as its jobs would use it
  if (!options.agent.empty()) device = agent_checks(options, checks);
  if (!options.process.empty()) process_checks(options.process, checks);
  worker_check(options.worker, device, checks);
  drawing_checks(checks);
  return answer_of(checks);
}

}  // namespace cloister::cli
